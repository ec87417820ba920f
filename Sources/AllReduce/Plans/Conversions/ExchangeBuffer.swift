internal import AllReduceMPI
internal import AllReduceNN

/// Memory for a tensor that ranks exchange in place, and the exchange that is under way in it.
///
/// A layer writes its result straight into it, so that on one host an exchange is one pass over memory and no
/// copy. It grows to the largest batch seen; growing is collective, and all ranks of a group have equal buffers.
final class ExchangeBuffer<Scalar: NetworkScalar & ReducibleScalar> {
  private let communicator: Communicator
  private var arena: Arena<Scalar>?
  /// The memory of a rank that is alone.
  private var scratch = Scratch<Scalar>()
  private var pending: PendingReduction?

  init(over communicator: Communicator) { self.communicator = communicator }

  /// The elements that there is room for.
  private(set) var capacity = 0

  /// Makes room for this many elements, whose values are whatever was there. Collective where that is more than
  /// ever before.
  ///
  /// - Returns: The first of them.
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

  /// A view of the memory from an element on. There is room for it.
  func tensor(_ shape: Shape, from start: Int = 0) -> Tensor<Scalar> {
    guard let arena else {
      return scratch.tensor([capacity]).rows(start..<start + shape.count).reshaped(shape)
    }
    return Tensor(
      UnsafeMutableBufferPointer(rebasing: arena.values[start..<start + shape.count]),
      shape: shape, owner: arena)
  }

  /// Starts a collective on the first elements; nothing on a rank that is alone.
  func start(
    _ collective: Collective, _ count: Int, _ record: LayerExchange, isTraining: Bool
  ) throws {
    guard let slice = arena?[0..<count] else { return }
    pending = try record.starting(isTraining: isTraining) {
      try communicator.start(collective, slice, .sum)
    }
  }

  /// Waits for what ``start(_:_:_:isTraining:)`` started.
  func finish(_ record: LayerExchange, isTraining: Bool) throws {
    guard arena != nil else { return }
    try record.ending(isTraining: isTraining) { try pending.take()?.wait() }
  }

  /// Adds up the first elements over the ranks, in place.
  func sum(_ count: Int, _ record: LayerExchange, isTraining: Bool) throws {
    guard let slice = arena?[0..<count] else { return }
    try record.running(isTraining: isTraining) { try communicator.allReduce(slice, .sum) }
  }
}
