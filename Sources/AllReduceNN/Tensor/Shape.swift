/// The sizes of a tensor's dimensions, outermost first, such as `[64, 28, 28, 1]`.
///
/// Images are `[height, width, channels]`; a batch has one more dimension in front.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// One size a dimension.
  public let sizes: [Int]
  /// The number of elements: the product of the sizes, 1 for no dimensions.
  public let count: Int

  /// Creates a shape.
  ///
  /// - Precondition: No size is negative, and the product fits an `Int`.
  public init(_ sizes: [Int]) {
    precondition(sizes.allSatisfy { $0 >= 0 }, "a shape cannot have a negative size: \(sizes)")
    self.sizes = sizes
    count = sizes.reduce(1, *)
  }

  /// Creates a shape.
  public init(arrayLiteral sizes: Int...) { self.init(sizes) }

  /// The number of dimensions.
  public var rank: Int { sizes.count }

  /// The size of a dimension; negative ones count from the last, -1.
  public subscript(dimension: Int) -> Int {
    sizes[dimension < 0 ? sizes.count + dimension : dimension]
  }

  /// The shape of so many of these: `[count]` and then this shape's sizes.
  public func batch(of count: Int) -> Shape { Shape([count] + sizes) }

  /// The shape without its first dimension.
  public var example: Shape { Shape(Array(sizes.dropFirst())) }

  /// As it is written in Swift: `[28, 28, 1]`.
  public var description: String { "[" + sizes.map(String.init).joined(separator: ", ") + "]" }
}
