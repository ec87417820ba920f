/// A view of numbers in memory with a shape. Storage is row-major: the last dimension is contiguous.
///
/// Copies of a tensor, its slices and its reshaped forms view the same memory, which lives as long as any of them.
/// Parameters and gradients are views of a network's flat memory, whatever allocated it.
public struct Tensor<Scalar: NetworkScalar> {
  /// The sizes of the tensor's dimensions.
  public let shape: Shape
  /// The elements in row-major order; valid only while this tensor, or another view of its memory, is alive.
  package let values: UnsafeMutableBufferPointer<Scalar>
  /// The object that keeps the memory alive.
  private let owner: AnyObject?

  /// Creates a view of memory that `owner` keeps alive.
  ///
  /// - Precondition: The number of values is `shape.count`.
  package init(_ values: UnsafeMutableBufferPointer<Scalar>, shape: Shape, owner: AnyObject?) {
    precondition(
      values.count == shape.count,
      "a tensor of \(shape) needs \(shape.count) elements, not \(values.count)")
    self.values = values
    self.shape = shape
    self.owner = owner
  }

  /// Allocates a tensor whose elements all have one value.
  public init(repeating value: Scalar = 0, shape: Shape) {
    let memory = TensorMemory<Scalar>(count: shape.count)
    // New memory is zero, and a large block uses no physical memory before it is touched.
    if value != 0 || value.sign == .minus { memory.values.update(repeating: value) }
    self.init(memory.values, shape: shape, owner: memory)
  }

  /// Allocates a tensor with these elements, in row-major order.
  ///
  /// - Precondition: The number of elements is `shape.count`.
  public init(_ elements: [Scalar], shape: Shape) {
    precondition(
      elements.count == shape.count,
      "a tensor of \(shape) needs \(shape.count) elements, not \(elements.count)")
    self.init(shape: shape)
    _ = values.update(fromContentsOf: elements)
  }

  /// The number of elements.
  public var count: Int { values.count }

  /// The size of the first dimension: the number of examples in a batch, or of rows in a matrix.
  public var rows: Int { shape[0] }

  /// A copy of the elements.
  public var elements: [Scalar] { withExtendedLifetime(owner) { Array(values) } }

  /// Calls `body` with the tensor's memory, in row-major order, to read and write the elements in place. The pointer is
  /// valid only inside `body`.
  public func withValues<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(owner) { try body(values) }
  }

  /// The address of the first element.
  ///
  /// - Precondition: The tensor is not empty.
  package var base: UnsafeMutablePointer<Scalar> {
    guard let base = values.baseAddress else {
      preconditionFailure("a tensor of \(shape) has no memory")
    }
    return base
  }

  /// The element at an index in row-major order. For many elements ``withValues(_:)`` is faster.
  public subscript(index: Int) -> Scalar {
    get { withExtendedLifetime(owner) { values[index] } }
    nonmutating set { withExtendedLifetime(owner) { values[index] = newValue } }
  }

  /// Returns a view of the same elements with a different shape.
  ///
  /// - Precondition: The new shape has the same number of elements.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(
      shape.count == count, "a tensor of \(self.shape) cannot be viewed as one of \(shape)")
    return Tensor(values, shape: shape, owner: owner)
  }

  /// Returns a view of a range of rows, that is, of the first dimension.
  ///
  /// - Precondition: The range lies within the first dimension.
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
