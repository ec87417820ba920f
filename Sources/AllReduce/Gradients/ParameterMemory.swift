internal import AllReduceMPI
internal import AllReduceNN

/// The memory of a network's weights and gradients while ranks train it: the allocator decides what is possible.
///
/// Gradients are in an arena where ranks add them up, else private. Weights are private; in a symmetric arena,
/// where the host's ranks write each other's; or in a single one, which is one copy a host.
final class ParameterMemory<Scalar: NetworkScalar & ReducibleScalar> {
  /// The arena of the gradients; nil for private memory.
  let gradientArena: Arena<Scalar>?
  /// The arena of the weights; nil for private memory.
  let weightArena: Arena<Scalar>?
  /// Whether this rank answers for the weights that it computes with: its own, or its host's.
  var answersForWeights: Bool { host == nil || writers != nil }
  /// The totals of a step, in front of the gradients, and all gradients.
  let gradients: UnsafeMutableBufferPointer<Scalar>

  private let values: UnsafeMutableBufferPointer<Scalar>
  private let owned: [TensorMemory<Scalar>]
  private let communicator: Communicator
  /// The ranks that share one copy of the weights, if they do.
  private let host: Communicator?
  /// One rank of each host, this one's first; nil on the others, or where every rank has weights.
  private let writers: Communicator?

  // Nothing here may lead to the network, whose parameters keep this alive.

  /// Takes memory and moves a network there. Collective.
  ///
  /// - Parameters:
  ///   - network: Keeps its values; it keeps this object alive.
  ///   - communicator: The ranks.
  ///   - sharesGradients: Whether gradients are in an arena.
  ///   - sharing: How the weights' arena is divided; nil for private memory.
  /// - Throws: ``AgreedError`` if a rank cannot get the memory; ``MPIError``.
  init(
    _ network: Network<Scalar>, over communicator: Communicator, sharesGradients: Bool = true,
    weights sharing: Arena<Scalar>.Sharing? = nil
  ) throws {
    self.communicator = communicator
    let count = network.layout.count
    // Shards of different ranks may differ in size.
    let most =
      sharesGradients ? try communicator.allGatherNatively(count).max() ?? count : count
    gradientArena = sharesGradients ? try Arena(count: most, over: communicator) : nil
    weightArena = try sharing.map { try Arena(count: most, over: communicator, sharing: $0) }
    owned = (0..<(gradientArena == nil ? 1 : 0) + (weightArena == nil ? 1 : 0)).map { _ in
      TensorMemory(count: count)
    }
    gradients = UnsafeMutableBufferPointer(
      rebasing: (gradientArena?.values ?? owned[0].values)[..<count])
    values = UnsafeMutableBufferPointer(
      rebasing: (weightArena?.values ?? owned[owned.count - 1].values)[..<count])
    guard sharing == .single else {
      (host, writers) = (nil, nil)
      network.bind(values: values, gradients: gradients, owner: self)
      return
    }
    let host = communicator.hosts.count == 1 ? communicator : try communicator.splitByHost()
    self.host = host
    writers = try communicator.split(optionalColor: host.isRoot ? 0 : nil)
    // The first rank writes what the others find there.
    if host.isRoot { network.bind(values: values, gradients: gradients, owner: self) }
    try host.barrier()
    if !host.isRoot {
      network.bind(values: values, gradients: gradients, owner: self, adopting: true)
    }
  }

  /// Gives all ranks the weights of rank 0. Collective.
  func broadcast() throws {
    guard let host else { return try communicator.broadcast(values, from: 0) }
    // Rank 0 is the first of its host. Only it writes what all ranks of a host read.
    try host.barrier()
    try writers?.broadcast(values, from: 0)
    try host.barrier()
  }

  /// Some of this rank's weights.
  func values(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(rebasing: values[range])
  }

  /// Where weights from an element on are.
  func weights(_ range: Range<Int>) -> UnsafeMutablePointer<Scalar> {
    values.baseAddress.unsafelyUnwrapped + range.lowerBound
  }

  private func gradient(_ range: Range<Int>) -> UnsafeMutablePointer<Scalar> {
    gradients.baseAddress.unsafelyUnwrapped + range.lowerBound
  }

  /// Takes the optimizer's step for some elements, from their gradients.
  func update(_ range: Range<Int>, by optimizer: Optimizer<Scalar>, _ step: OptimizerStep) {
    optimizer.update(range, weights: weights(range), gradient: gradient(range), step)
  }

  /// Adds what an optimizer must know of its gradients (``Optimizer/addFigures(of:weights:gradient:to:)``).
  func measure(_ optimizer: Optimizer<Scalar>, _ squares: UnsafeMutableBufferPointer<Double>) {
    let range = optimizer.range
    optimizer.addFigures(
      of: range, weights: weights(range), gradient: gradient(range), to: squares)
  }
}
