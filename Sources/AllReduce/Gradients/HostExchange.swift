internal import AllReduceMPI
internal import AllReduceNN

/// An exchange through host memory: each rank of a host reads the gradients of a slice from memory of the host's ranks,
/// and updates the weights of that slice (``FusedUpdate``). The host has one copy of the weights, or one copy per rank;
/// a rank writes its slice to every copy.
///
/// On one host the gradients of its ranks are summed here, and none are exchanged during the backward pass. On several
/// hosts, the sum over the hosts is read from the first rank's part of the gradient arena.
final class HostExchange<Scalar: NetworkScalar & ReducibleScalar>: GradientExchange {
  let groups: ParameterGroups
  let reduction: BucketedReduction<Scalar>
  let updates: [Optimizer<Scalar>]
  private let pass: FusedUpdate<Scalar>
  /// The ranks of this host that hold the parameters.
  private let host: Communicator
  private let small = TensorMemory<Float>(count: 1)
  /// Whether the all-reduce of the totals after the backward pass already keeps ranks from continuing too early.
  private let totalsWait: Bool
  /// The number of bytes that a pass reads from gradients of other ranks.
  private let readBytes: Int
  /// The number of bytes that a pass writes to weights of other ranks.
  private let writtenBytes: Int

  /// Creates the exchange. Collective.
  ///
  /// - Precondition: Weights and gradients are in arenas.
  init(_ site: ExchangeSite<Scalar>) throws {
    groups = site.groups
    let (copies, sum) = (groups.copies, groups.sum)
    host = copies.hosts.count == 1 ? copies : try copies.splitByHost()
    let isAlone = sum.hosts.count == 1
    reduction = try site.reduction(to: isAlone ? .memory : .firstOfHost)
    totalsWait = !site.header.isEmpty && sum.size == copies.size

    let stride = MemoryLayout<Scalar>.stride
    let (first, count) = (site.elements.lowerBound, site.elements.count)
    let own = HostSlices(count: count, stride: stride, ranks: host.size)[host.rank]
    guard let weights = site.memory.weightArena, let gradients = site.memory.gradientArena else {
      preconditionFailure("a host's ranks read gradients and write weights in arenas")
    }
    let update = site.update(first + own.lowerBound..<first + own.upperBound)
    updates = [update]

    let ranks = host.worldRanks
    // The same parameters may begin at a different element on each rank, because shards before them differ in size.
    let starts = try host.allGatherNatively(first)
    func part(_ arena: Arena<Scalar>, _ rank: Int) -> UnsafeMutablePointer<Scalar> {
      guard let part = arena.memory.part(ofWorldRank: rank) else {
        preconditionFailure("rank \(rank) has no part in the arena of its host")
      }
      let start = ranks.firstIndex(of: rank).map { starts[$0] } ?? first
      return part.assumingMemoryBound(to: Scalar.self) + (start - first)
    }
    let this = ranks[host.rank]
    let adding = sum.worldRanks.filter { ranks.contains($0) }
    let sources = isAlone ? adding : [adding[0]]
    let others = weights.sharing == .single ? [] : ranks.filter { $0 != this }
    pass = FusedUpdate(
      gradients: sources.map { part(gradients, $0) }, own: part(gradients, this),
      weights: ([this] + others).map { part(weights, $0) }, update: update,
      othersRead: host.size > 1)
    readBytes = sources.count { $0 != this } * own.count * stride
    writtenBytes = others.count * own.count * stride
  }

  func finishSum() throws {
    try reduction.finish()
    if !totalsWait { try waitForHost() }
  }

  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws {
    pass.measure(squares)
    TrafficCounters.ofProcess.pointee.addMemory(readBytes)
    if host.size > 1 { try host.allReduce(squares, .sum, using: .sharedMemory) }
    // Hosts with different numbers of ranks sum in different orders, so all take the sums of the first rank.
    if host.size < groups.copies.size { try groups.copies.broadcast(squares, from: 0) }
  }

  func update(_ step: OptimizerStep, isMeasured: Bool) throws {
    if isMeasured { pass.finish(step) } else { pass.run(step) }
    // The first of two passes may have written the sums to this rank's own memory.
    let readsAgain = !isMeasured || !pass.keepsSums
    TrafficCounters.ofProcess.pointee.addMemory(writtenBytes + (readsAgain ? readBytes : 0))
    try waitForHost()
  }

  /// Waits for the host's ranks: returns on no rank before every rank of the host has entered.
  private func waitForHost() throws {
    if host.size > 1 { try host.allReduce(small.values, .sum, using: .sharedMemory) }
  }
}
