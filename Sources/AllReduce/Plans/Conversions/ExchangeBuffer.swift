internal import AllReduceMPI
internal import AllReduceNN

/// Memory for a tensor that ranks exchange in place, and the exchange in flight in this memory.
///
/// A layer writes its result straight into the buffer, so on one host an exchange is one pass over memory, without a
/// copy. The buffer grows to the largest batch seen; growing is collective, and all ranks of a group have equal
/// buffers.
final class ExchangeBuffer<Scalar: NetworkScalar & ReducibleScalar> {
  private let communicator: Communicator
  private var arena: Arena<Scalar>?
  /// The memory of the buffer in a group of one rank.
  private var scratch = Scratch<Scalar>()
  private var pending: PendingReduction?

  init(over communicator: Communicator) { self.communicator = communicator }

  /// The number of elements that the buffer has room for.
  private(set) var capacity = 0

  /// Makes room for `count` elements, whose values are not initialized. Collective if `count` is larger than ever
  /// before.
  ///
  /// - Returns: The address of the first element.
  @discardableResult
  func reserve(_ count: Int) throws -> UnsafeMutablePointer<Scalar> {
    capacity = max(capacity, count)
    if communicator.size == 1 { return scratch.tensor([capacity]).base }
    if let arena, arena.count >= count { return arena.values.baseAddress.unsafelyUnwrapped }
    arena = nil
    let larger = try Arena<Scalar>(count: count, over: communicator)
    arena = larger
    return larger.values.baseAddress.unsafelyUnwrapped
  }

  /// Returns a tensor that is a view of the buffer from element `start` on. The buffer must have room for it.
  func tensor(_ shape: Shape, from start: Int = 0) -> Tensor<Scalar> {
    guard let arena else {
      return scratch.tensor([capacity]).rows(start..<start + shape.count).reshaped(shape)
    }
    return Tensor(
      UnsafeMutableBufferPointer(rebasing: arena.values[start..<start + shape.count]),
      shape: shape, owner: arena)
  }

  /// Starts a collective on the first `count` elements; does nothing in a group of one rank.
  func start(
    _ collective: Collective, _ count: Int, _ record: ExchangeRecord, isTraining: Bool
  ) throws {
    guard let slice = arena?[0..<count] else { return }
    pending = try record.starting(isTraining: isTraining) {
      try communicator.start(collective, slice, .sum)
    }
  }

  /// Waits for the collective that ``start(_:_:_:isTraining:)`` started.
  func finish(_ record: ExchangeRecord, isTraining: Bool) throws {
    guard arena != nil else { return }
    try record.ending(isTraining: isTraining) { try pending.take()?.wait() }
  }

  /// Sums the first `count` elements over the ranks, in place, and waits for the result.
  func sum(_ count: Int, _ record: ExchangeRecord, isTraining: Bool) throws {
    guard let slice = arena?[0..<count] else { return }
    try record.running(isTraining: isTraining) { try communicator.allReduce(slice, .sum) }
  }
}
