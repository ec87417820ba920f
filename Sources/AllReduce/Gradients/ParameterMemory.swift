internal import AllReduceMPI
internal import AllReduceNN

/// The memory of a network's weights and gradients while ranks train it. How it is allocated decides which exchanges
/// are possible.
///
/// Gradients are in an arena if ranks sum them, otherwise in private memory. Weights are in private memory; in a
/// symmetric arena, if the host's ranks write each other's weights; or in a single arena, which holds one copy per
/// host.
final class ParameterMemory<Scalar: NetworkScalar & ReducibleScalar> {
  /// The arena of the gradients; nil for private memory.
  let gradientArena: Arena<Scalar>?
  /// The arena of the weights; nil for private memory.
  let weightArena: Arena<Scalar>?
  /// Whether this rank is responsible for the weights that it computes with: its own, or, as first rank, its host's.
  var answersForWeights: Bool { host == nil || writers != nil }
  /// The totals of a step, followed by all gradients.
  let gradients: UnsafeMutableBufferPointer<Scalar>

  private let values: UnsafeMutableBufferPointer<Scalar>
  private let owned: [TensorMemory<Scalar>]
  private let communicator: Communicator
  /// The ranks of this host, if they use one copy of the weights; nil otherwise.
  private let host: Communicator?
  /// The first ranks of all hosts, if this rank is one of them; nil on other ranks, or where each rank has its own
  /// weights.
  private let writers: Communicator?

  // Nothing here may refer to the network, whose parameters keep this object alive.

  /// Allocates the memory and moves a network's weights and gradients there. Collective.
  ///
  /// - Parameters:
  ///   - network: The network, which keeps its values, and keeps this object alive.
  ///   - communicator: The ranks that train the network.
  ///   - sharesGradients: Whether gradients are in an arena.
  ///   - sharing: How the arena of the weights is divided among ranks; nil for private memory.
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
    // The first rank writes the weights that the others adopt.
    if host.isRoot { network.bind(values: values, gradients: gradients, owner: self) }
    try host.barrier()
    if !host.isRoot {
      network.bind(values: values, gradients: gradients, owner: self, adopting: true)
    }
  }

  /// Broadcasts the weights of rank 0 to all ranks. Collective.
  func broadcast() throws {
    guard let host else { return try communicator.broadcast(values, from: 0) }
    // Rank 0 is the first of its host. Only it writes what all ranks of a host read.
    try host.barrier()
    try writers?.broadcast(values, from: 0)
    try host.barrier()
  }

  /// Returns this rank's weights in a range of elements.
  func values(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(rebasing: values[range])
  }

  /// Returns the address of this rank's first weight in a range of elements.
  func weights(_ range: Range<Int>) -> UnsafeMutablePointer<Scalar> {
    values.baseAddress.unsafelyUnwrapped + range.lowerBound
  }

  private func gradient(_ range: Range<Int>) -> UnsafeMutablePointer<Scalar> {
    gradients.baseAddress.unsafelyUnwrapped + range.lowerBound
  }

  /// Takes the optimizer's step for the weights in `range`, from their gradients.
  func update(_ range: Range<Int>, by optimizer: Optimizer<Scalar>, _ step: OptimizerStep) {
    optimizer.update(range, weights: weights(range), gradient: gradient(range), step)
  }

  /// Adds the sums of squares that an optimizer needs (``Optimizer/addFigures(of:weights:gradient:to:)``) to `squares`.
  func measure(_ optimizer: Optimizer<Scalar>, _ squares: UnsafeMutableBufferPointer<Double>) {
    let range = optimizer.range
    optimizer.addFigures(
      of: range, weights: weights(range), gradient: gradient(range), to: squares)
  }
}
