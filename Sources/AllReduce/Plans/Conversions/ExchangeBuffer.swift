internal import AllReduceMPI
internal import AllReduceNN

/// Memory of a layer's for a tensor that ranks exchange: they reach it where it is, if they share a host.
///
/// The layer writes its result straight into it, so an exchange is one pass over memory and no copy. It
/// grows to the largest batch seen; growing is collective, and all ranks of a layer have equal batches.
final class ExchangeBuffer<Scalar: NetworkScalar & ReducibleScalar> {
  let communicator: Communicator
  private var arena: Arena<Scalar>?
  /// Of a rank that is alone.
  private var scratch = Scratch<Scalar>()
  private var last: Tensor<Scalar>?
  private let clock = ContinuousClock()
  private var startedAt: ContinuousClock.Instant?

  init(over communicator: Communicator) { self.communicator = communicator }

  /// The elements that there is room for.
  private(set) var capacity = 0

  /// A tensor at the front of the memory, which has room for `capacity` elements if those are more. Its
  /// values are whatever was there.
  func tensor(_ shape: Shape, capacity: Int = 0) throws -> Tensor<Scalar> {
    let count = max(shape.count, capacity)
    self.capacity = max(self.capacity, count)
    if communicator.size == 1 { return scratch.tensor(shape) }
    if let last, last.shape == shape, arena!.count >= count { return last }
    if arena == nil || arena!.count < count {
      last = nil
      arena = nil
      arena = try Arena(count: count, over: communicator)
    }
    let tensor = Tensor(
      UnsafeMutableBufferPointer(rebasing: arena!.values[0..<shape.count]), shape: shape,
      owner: arena)
    last = tensor
    return tensor
  }

  /// The first elements as what a collective takes; nil on a rank that is alone.
  func slice(_ count: Int) -> ArenaSlice<Scalar>? { arena?[0..<count] }

  /// Adds up the latest tensor over the ranks, in place.
  func sum(_ record: LayerExchange, _ pass: Pass<Scalar>) throws {
    guard let last, let slice = slice(last.count) else { return }
    try record.timing(pass) { try communicator.allReduce(slice, .sum) }
  }

  /// Starts ``sum(_:_:)``.
  func startSum(_ record: LayerExchange, _ pass: Pass<Scalar>) throws -> PendingReduction? {
    guard let last, let slice = slice(last.count) else { return nil }
    startedAt = clock.now
    return try record.counting(pass) { try communicator.startAllReduce(slice, .sum) }
  }

  /// Ends what ``startSum(_:_:)`` started.
  func finishSum(
    _ pending: consuming PendingReduction?, _ record: LayerExchange, _ pass: Pass<Scalar>
  ) throws {
    guard let pending = consume pending else { return }
    let from = clock.now
    try pending.wait()
    let end = clock.now
    guard pass.isTraining, let startedAt else { return }
    record.add(
      seconds: (end - startedAt) / .seconds(1), waited: (end - from) / .seconds(1))
  }
}
