/// The sizes of a tensor's dimensions, outermost first, such as `[64, 28, 28, 1]`.
///
/// Images are `[height, width, channels]`; a batch has one more dimension in front. The sizes are stored inline, so
/// creating a shape allocates nothing.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// The largest number of dimensions.
  @inlinable public static var mostDimensions: Int { 6 }

  /// The number of dimensions.
  public let rank: Int
  /// The number of elements: the product of the sizes; 1 for a shape without dimensions.
  public let count: Int
  @usableFromInline let stored: Stored

  @usableFromInline struct Stored: Hashable, Sendable {
    @usableFromInline var (a, b, c, d, e, f) = (0, 0, 0, 0, 0, 0)

    @inlinable init() {}

    @inlinable subscript(dimension: Int) -> Int {
      get {
        switch dimension {
        case 0: a
        case 1: b
        case 2: c
        case 3: d
        case 4: e
        default: f
        }
      }
      set {
        switch dimension {
        case 0: a = newValue
        case 1: b = newValue
        case 2: c = newValue
        case 3: d = newValue
        case 4: e = newValue
        default: f = newValue
        }
      }
    }
  }

  /// Whether sizes, for example from a file, form a valid shape: none is negative, there are at most
  /// ``mostDimensions``, and the product of those above 0 fits an `Int`.
  package static func fits(_ sizes: [Int]) -> Bool {
    guard sizes.count <= mostDimensions, sizes.allSatisfy({ $0 >= 0 }) else { return false }
    var product = 1
    for size in sizes where size > 0 {
      let (next, overflows) = product.multipliedReportingOverflow(by: size)
      if overflows { return false }
      product = next
    }
    return true
  }

  /// Creates a shape from the sizes of its dimensions.
  ///
  /// - Precondition: No size is negative, there are at most ``mostDimensions`` sizes, and their product fits an `Int`.
  @inlinable @inline(__always)
  public init(_ sizes: some Collection<Int>) {
    precondition(
      sizes.count <= Shape.mostDimensions,
      "a shape can have at most \(Shape.mostDimensions) dimensions, not \(sizes.count)")
    var (stored, count) = (Stored(), 1)
    for (dimension, size) in sizes.enumerated() {
      precondition(size >= 0, "a shape cannot have a negative size: \(size)")
      stored[dimension] = size
      count *= size
    }
    self.stored = stored
    self.count = count
    rank = sizes.count
  }

  /// Creates a shape from a literal, such as `[28, 28, 1]`.
  @inlinable @inline(__always)
  public init(arrayLiteral sizes: Int...) { self.init(sizes) }

  /// The sizes of the dimensions, in a new array.
  public var sizes: [Int] { (0..<rank).map { stored[$0] } }

  /// The size of a dimension. Negative indices count from the end: -1 is the last dimension.
  public subscript(dimension: Int) -> Int {
    let place = dimension < 0 ? rank + dimension : dimension
    precondition(place >= 0 && place < rank, "\(self) has no dimension \(dimension)")
    return stored[place]
  }

  /// Returns the shape of a batch of `count` examples of this shape: `[count]` and then this shape's sizes.
  package func batch(of count: Int) -> Shape {
    precondition(
      rank < Shape.mostDimensions, "a batch of \(self) has more than \(rank) dimensions")
    var moved = Stored()
    moved[0] = count
    for dimension in 0..<rank { moved[dimension + 1] = stored[dimension] }
    return Shape(moved, rank: rank + 1, count: self.count * count)
  }

  /// The shape of one example of a batch: this shape without its first dimension.
  package var example: Shape {
    guard rank > 0 else { return self }
    var (moved, count) = (Stored(), 1)
    for dimension in 1..<rank {
      moved[dimension - 1] = stored[dimension]
      count *= stored[dimension]
    }
    return Shape(moved, rank: rank - 1, count: count)
  }

  /// Creates the shape of a matrix, `[rows, columns]`.
  package init(rows: Int, columns: Int) {
    precondition(
      rows >= 0 && columns >= 0,
      "a matrix must have 0 or more rows and columns, not [\(rows), \(columns)]")
    var stored = Stored()
    (stored[0], stored[1]) = (rows, columns)
    self.init(stored, rank: 2, count: rows * columns)
  }

  private init(_ stored: Stored, rank: Int, count: Int) {
    (self.stored, self.rank, self.count) = (stored, rank, count)
  }

  /// The shape as a Swift literal: `[28, 28, 1]`.
  public var description: String { "[" + sizes.map(String.init).joined(separator: ", ") + "]" }
}
