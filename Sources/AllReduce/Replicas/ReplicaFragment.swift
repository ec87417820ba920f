internal import AllReduceMPI
internal import AllReduceNN

/// A contiguous range of the weights that is exchanged by itself, and the part of it that this rank exchanges.
///
/// If all ranks of a replica have the same weights, they divide the exchange: each rank exchanges one part with its
/// peers and takes the outer step for it. Then the other ranks of the replica receive the new weights of the part, or
/// find them in memory that the ranks of the host share.
final class ReplicaFragment<Scalar: NetworkScalar & ReducibleScalar> {
  /// The fragment's elements in the network's flat memory.
  let elements: Range<Int>
  /// The elements of the fragment that this rank exchanges.
  let own: Range<Int>
  /// The exchange that sums the differences over the replicas.
  let reduction: BucketedReduction<Scalar>
  /// The number of steps that the replica had taken when its difference was last computed.
  var stepsTaken = 0
  /// The number of examples that the replica had trained on when its difference was last computed.
  var examplesTaken = 0

  /// Prepares the exchange of a fragment. Collective over the peers.
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

/// How an exchange is divided over the ranks of a replica that have the same weights.
struct ReplicaSharing<Scalar: NetworkScalar & ReducibleScalar> {
  /// The ranks that exchange one part each; nil where this rank exchanges all weights that it has.
  private let group: Communicator?
  /// Whether the ranks of the replica use one copy of the weights, in shared memory.
  private let isOneCopy: Bool
  private let local: ParameterMemory<Scalar>
  private let small = TensorMemory<Float>(count: 1)

  /// The number of the part that this rank exchanges.
  var part: Int { group?.rank ?? 0 }
  /// The number of parts.
  var parts: Int { group?.size ?? 1 }

  /// Determines how the ranks of a replica divide an exchange.
  ///
  /// - Parameters:
  ///   - own: The ranks of the replica; they are on one host if they use one copy of the weights.
  ///   - isDataParallel: Whether all ranks of the replica have the same weights.
  ///   - local: The memory of the weights.
  init(_ own: Communicator, isDataParallel: Bool, _ local: ParameterMemory<Scalar>) {
    self.local = local
    isOneCopy = local.weightArena?.sharing == .single
    group = own.size == 1 || !isDataParallel ? nil : own
  }

  /// Where the ranks of a replica use one copy of the weights, returns only after all of them have entered: a barrier
  /// between writing and reading the weights. Otherwise returns immediately.
  func wait() throws {
    guard isOneCopy, let group, group.size > 1 else { return }
    try group.allReduce(small.values, .sum, using: .sharedMemory)
  }

  /// Gathers a range of the weights on all ranks of the replica; before the call, each rank has the new weights of its
  /// own part. Collective over the replica.
  func spread(_ elements: Range<Int>) throws {
    guard let group else { return }
    if isOneCopy { return try wait() }
    try group.start(
      .allGather, local.values(elements), .sum, using: .ring, named: CallName.bucket(0)
    ).wait()
  }
}
