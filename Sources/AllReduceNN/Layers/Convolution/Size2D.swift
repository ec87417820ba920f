/// Two sizes in an image's plane: of a kernel, its steps, the rows and columns around an image.
///
/// A number means both: `kernel: 3`.
public struct Size2D: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// Along the columns, downwards.
  package let height: Int
  /// Along the rows.
  package let width: Int

  /// Creates a size.
  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// Creates a square.
  public init(_ side: Int) { self.init(height: side, width: side) }

  /// Creates a square.
  public init(integerLiteral side: Int) { self.init(side) }

  /// The product of both.
  package var count: Int { height * width }

  /// As people write it: "3x5".
  public var description: String { "\(height)x\(width)" }
}
