/// A height and a width in an image's plane: the size of a kernel, a stride, or a padding.
///
/// An integer literal sets both: `kernel: 3`.
public struct Size2D: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// The vertical size: a number of rows.
  package let height: Int
  /// The horizontal size: a number of columns.
  package let width: Int

  /// Creates a size from a height and a width.
  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// Creates a size with equal height and width.
  public init(_ side: Int) { self.init(height: side, width: side) }

  /// Creates a size with equal height and width from a literal.
  public init(integerLiteral side: Int) { self.init(side) }

  /// The product of height and width.
  package var count: Int { height * width }

  /// Height and width, such as "3x5".
  public var description: String { "\(height)x\(width)" }
}
