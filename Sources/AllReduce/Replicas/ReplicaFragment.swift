internal import AllReduceMPI
internal import AllReduceNN

/// A range of the weights that is exchanged by itself, and this rank's part in it.
///
/// The ranks of a replica that all have the same weights share the exchange: each carries a part across and takes the
/// outer step for it. Then the others get its new weights, or find them in memory of the host.
final class ReplicaFragment<Scalar: NetworkScalar & ReducibleScalar> {
  /// Elements of the network's flat memory.
  let elements: Range<Int>
  /// The elements that this rank exchanges.
  let own: Range<Int>
  /// The exchange that adds up the differences of the replicas.
  let reduction: BucketedReduction<Scalar>
  /// The steps of the replica when its difference was last taken.
  var stepsTaken = 0
  /// The examples that the replica had seen then.
  var examplesTaken = 0

  /// Prepares the exchange. Collective over the peers.
  init(
    _ elements: Range<Int>, part: Int, of parts: Int, _ layout: ParameterLayout<Scalar>,
    _ memory: Arena<Scalar>, over peers: Communicator, _ transport: GradientTransport,
    _ clock: ExchangeClock
  ) throws {
    self.elements = elements
    let block = BlockPartition(count: elements.count, parts: parts)[part]
    let own = elements.lowerBound + block.lowerBound..<elements.lowerBound + block.upperBound
    self.own = own
    reduction = try BucketedReduction(
      memory, own, header: own.lowerBound..<own.lowerBound, parts: [own],
      matrices: layout.matrices.filter {
        own.lowerBound <= $0.range.lowerBound && $0.range.upperBound <= own.upperBound
      }, over: peers, to: .everywhere, transport, clock)
  }
}

/// How the exchange is divided over the ranks of a replica that have the same weights.
struct ReplicaSharing<Scalar: NetworkScalar & ReducibleScalar> {
  /// The ranks that carry a part each; nil where each carries all that it has.
  private let group: Communicator?
  /// Whether they have one copy of the weights.
  private let isOneCopy: Bool
  private let local: ParameterMemory<Scalar>
  private let small = TensorMemory<Float>(count: 1)

  /// The part that this rank exchanges.
  var part: Int { group?.rank ?? 0 }
  /// The number of parts.
  var parts: Int { group?.size ?? 1 }

  /// Finds out which ranks share with which.
  ///
  /// - Parameters:
  ///   - own: The replica's ranks; of one host, if they have one copy of the weights.
  ///   - isDataParallel: Whether they all have the same weights.
  ///   - local: Where these lie.
  init(_ own: Communicator, isDataParallel: Bool, _ local: ParameterMemory<Scalar>) {
    self.local = local
    isOneCopy = local.weightArena?.sharing == .single
    group = own.size == 1 || !isDataParallel ? nil : own
  }

  /// Returns on no rank of the replica that reads what this one writes before all of them have entered.
  func wait() throws {
    guard isOneCopy, let group, group.size > 1 else { return }
    try group.allReduce(small.values, .sum, using: .sharedMemory)
  }

  /// Gathers some elements of the weights on all ranks of the replica; before the call each has its part. Collective
  /// over the replica.
  func spread(_ elements: Range<Int>) throws {
    guard let group else { return }
    if isOneCopy { return try wait() }
    try group.start(
      .allGather, local.values(elements), .sum, using: .ring, named: CallName.bucket(0)
    ).wait()
  }
}
