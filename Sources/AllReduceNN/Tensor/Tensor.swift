/// Numbers in memory with a shape, row by row: the last dimension is contiguous.
///
/// A tensor is a view: copies of it, its slices and reshaped forms see the same memory, which lives as
/// long as one of them does. Parameters and gradients are views of a network's flat memory, whatever
/// allocated that.
public struct Tensor<Scalar: NetworkScalar> {
  /// The sizes of its dimensions.
  public let shape: Shape
  /// The elements, row by row: only as long as the tensor, or another view of its memory, lives.
  package let values: UnsafeMutableBufferPointer<Scalar>
  /// The object that keeps the memory alive.
  private let owner: AnyObject?

  /// Views memory that `owner` keeps alive.
  ///
  /// - Precondition: The count of values is that of the shape.
  package init(_ values: UnsafeMutableBufferPointer<Scalar>, shape: Shape, owner: AnyObject?) {
    precondition(
      values.count == shape.count,
      "a tensor of \(shape) needs \(shape.count) elements, not \(values.count)")
    self.values = values
    self.shape = shape
    self.owner = owner
  }

  /// Allocates a tensor that holds one value everywhere.
  public init(repeating value: Scalar = 0, shape: Shape) {
    let memory = TensorMemory<Scalar>(count: shape.count)
    // Memory is zero at first, and large memory takes none before it is touched.
    if value != 0 || value.sign == .minus { memory.values.update(repeating: value) }
    self.init(memory.values, shape: shape, owner: memory)
  }

  /// Allocates a tensor with these elements.
  ///
  /// - Precondition: The count of elements is that of the shape.
  public init(_ elements: [Scalar], shape: Shape) {
    precondition(
      elements.count == shape.count,
      "a tensor of \(shape) needs \(shape.count) elements, not \(elements.count)")
    self.init(shape: shape)
    _ = values.update(fromContentsOf: elements)
  }

  /// The number of elements.
  public var count: Int { values.count }

  /// The first dimension: examples of a batch, rows of a matrix.
  public var rows: Int { shape[0] }

  /// A copy of the elements.
  public var elements: [Scalar] { withExtendedLifetime(owner) { Array(values) } }

  /// Lets `body` read and write the elements, row by row, where they are; the pointer is valid in `body`
  /// alone.
  public func withValues<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(owner) { try body(values) }
  }

  /// Where the elements are.
  ///
  /// - Precondition: There is an element.
  package var base: UnsafeMutablePointer<Scalar> {
    guard let base = values.baseAddress else {
      preconditionFailure("a tensor of \(shape) has no memory")
    }
    return base
  }

  /// One element, by its place, counted row by row. For many elements ``withValues(_:)`` is faster.
  public subscript(index: Int) -> Scalar {
    get { withExtendedLifetime(owner) { values[index] } }
    nonmutating set { withExtendedLifetime(owner) { values[index] = newValue } }
  }

  /// The same elements with other dimensions.
  ///
  /// - Precondition: The new shape has the same number of elements.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(
      shape.count == count, "a tensor of \(self.shape) cannot be viewed as one of \(shape)")
    return Tensor(values, shape: shape, owner: owner)
  }

  /// A view of some rows, that is of a range of the first dimension.
  ///
  /// - Precondition: The range is within the tensor.
  package func rows(_ range: Range<Int>) -> Tensor {
    precondition(
      shape.rank > 0 && range.lowerBound >= 0 && range.upperBound <= rows,
      "rows \(range) are outside a tensor of \(shape)")
    let row = rows == 0 ? 0 : count / rows
    return Tensor(
      UnsafeMutableBufferPointer(
        rebasing: values[range.lowerBound * row..<range.upperBound * row]),
      shape: shape.example.batch(of: range.count), owner: owner)
  }
}
