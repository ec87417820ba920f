internal import AllReduceMPI
internal import AllReduceNN

/// Each rank of a host updates a slice of the weights, which are once a host or in memory that the
/// host's ranks can write, from gradients that they can read: a ``FusedUpdate``.
///
/// On one host the gradients are those of its ranks, added up here. On several, the hosts' sum is in
/// the first rank's part of the gradients' arena (``ReductionOutcome/firstOfHost``).
final class HostUpdate<Scalar: NetworkScalar & ReducibleScalar>: UpdateScheme {
  let updates: [Optimizer<Scalar>]
  private let pass: FusedUpdate<Scalar>
  private let communicator: Communicator
  /// The ranks of this host.
  private let host: Communicator
  private let ended = TensorMemory<Float>(count: 1)
  /// Bytes that a pass reads from gradients of other ranks.
  private let readBytes: Int
  /// Bytes that a pass writes to weights of other ranks.
  private let writtenBytes: Int

  /// Collective.
  ///
  /// - Parameters:
  ///   - optimizer: The rule.
  ///   - layout: Where parameters lie.
  ///   - gradients: A symmetric arena over all ranks.
  ///   - weights: An arena of either kind over all ranks.
  ///   - communicator: All ranks.
  ///   - host: Those of this host; `communicator` where it is the only one.
  init(
    _ optimizer: any UpdateRule, _ layout: ParameterLayout<Scalar>,
    gradients: Arena<Scalar>, weights: Arena<Scalar>, over communicator: Communicator,
    host: Communicator
  ) {
    self.communicator = communicator
    self.host = host
    let stride = MemoryLayout<Scalar>.stride
    let own = HostSlices(
      count: layout.count - layout.reserved, stride: stride, ranks: host.size)[host.rank]
    let update = Optimizer(
      optimizer, layout: layout,
      range: layout.reserved + own.lowerBound..<layout.reserved + own.upperBound)
    updates = [update]
    let ranks = host.worldRanks
    func part(_ arena: Arena<Scalar>, _ rank: Int) -> UnsafeMutablePointer<Scalar> {
      guard let part = arena.memory.part(ofWorldRank: rank) else {
        preconditionFailure("rank \(rank) has no part in the arena of its host")
      }
      return part.assumingMemoryBound(to: Scalar.self)
    }
    let isAlone = communicator.hosts.count == 1
    let sources = isAlone ? ranks : [ranks[0]]
    let others = weights.sharing == .single ? [] : ranks.filter { $0 != ranks[host.rank] }
    pass = FusedUpdate(
      gradients: sources.map { part(gradients, $0) }, own: part(gradients, ranks[host.rank]),
      weights: ([ranks[host.rank]] + others).map { part(weights, $0) }, update: update,
      othersRead: host.size > 1)
    readBytes = sources.count { $0 != ranks[host.rank] } * own.count * stride
    writtenBytes = others.count * own.count * stride
  }

  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws {
    pass.measure(squares)
    TrafficCounters.ofProcess.pointee.addMemory(readBytes)
    if host.size > 1 { try host.allReduce(squares, .sum, using: .sharedMemory) }
    // Hosts with other numbers of ranks add up in another order.
    if host.size < communicator.size { try communicator.broadcast(squares, from: 0) }
  }

  func update(_ step: OptimizerStep, isMeasured: Bool) throws {
    if isMeasured { pass.finish(step) } else { pass.run(step) }
    // The first of two passes has put sums into this rank's own memory.
    let readsAgain = !isMeasured || !pass.keepsSums
    TrafficCounters.ofProcess.pointee.addMemory(writtenBytes + (readsAgain ? readBytes : 0))
    if host.size > 1 { try host.allReduce(ended.values, .sum, using: .sharedMemory) }
  }
}
