package import AllReduceMPI

/// The algorithm that a collective operation uses to move and combine its data.
///
/// This is a struct with static members, and not an enum, so that a new algorithm does not break a caller's `switch`.
/// `docs/algorithms.md` lists the steps and bytes of each algorithm.
public struct ReductionAlgorithm: Hashable, Sendable, CustomStringConvertible {
  package typealias Kind = AlgorithmKind

  package let kind: Kind
  /// The largest number of bytes in a message; nil for the algorithm's default.
  package let segmentBytes: Int?

  package init(_ kind: Kind, segmentBytes: Int? = nil) {
    precondition(
      (1...1 << 30).contains(segmentBytes ?? 1),
      "A segment must have 1 to \(1 << 30) bytes, not \(segmentBytes ?? 0).")
    self.kind = kind
    self.segmentBytes = segmentBytes
  }

  /// Chooses one of the other algorithms by the number of bytes and the placement of the ranks.
  public static let automatic = ReductionAlgorithm(.automatic)
  /// Reduce-scatter, then all-gather, both around a ring: sends the fewest bytes, in 2(p-1) steps. Patarasuk and Yuan,
  /// 2009.
  public static let ring = ReductionAlgorithm(.ring)
  /// Reduces up a binomial tree to one rank, then broadcasts the sum down the tree, pipelined in segments.
  public static let tree = ReductionAlgorithm(.tree)
  /// All ranks send to one rank, which adds the vectors and sends the sum to all: two phases and the fewest messages,
  /// half of them sent by that one rank.
  public static let flatTree = ReductionAlgorithm(.flatTree)
  /// Two binary trees at once, each of which reduces and broadcasts one half of the vector; every rank is a leaf in at
  /// least one of them. Sanders, Speck and Träff, 2009.
  public static let doubleTree = ReductionAlgorithm(.doubleTree)
  /// Every rank exchanges the whole vector with about log₂ p others, one after the other: the fewest steps.
  public static let recursiveDoubling = ReductionAlgorithm(.recursiveDoubling)
  /// Reduce-scatter by recursive halving, then all-gather by recursive doubling: few steps, and where p is a power of
  /// two, the fewest bytes. Rabenseifner, 2004.
  public static let halvingDoubling = ReductionAlgorithm(.halvingDoubling)
  /// Every rank sends its whole vector to every other rank and adds all p vectors itself: one phase, but p-1 times the
  /// bytes.
  public static let gatherAndReduce = ReductionAlgorithm(.gatherAndReduce)
  /// Uses memory that the ranks of a host share: an ``Arena`` is reduced in one pass, without a copy; data in any other
  /// memory is copied through slots that stay in the processor's caches. One host only.
  public static let sharedMemory = ReductionAlgorithm(.sharedMemory)
  /// Uses shared memory within each host, and messages between hosts.
  public static let hierarchical = ReductionAlgorithm(.hierarchical)
  /// Calls MPI's own collective.
  public static let native = ReductionAlgorithm(.native)

  /// Returns the same algorithm with messages of at most `bytes` bytes.
  public func segmented(bytes: Int) -> ReductionAlgorithm {
    ReductionAlgorithm(kind, segmentBytes: bytes)
  }

  /// Every algorithm, `automatic` first.
  package static let all: [ReductionAlgorithm] = [
    .automatic, .ring, .tree, .flatTree, .doubleTree, .recursiveDoubling, .halvingDoubling,
    .gatherAndReduce, .sharedMemory, .hierarchical, .native,
  ]

  /// Creates the algorithm with the given name, such as `recursiveDoubling`; nil if no algorithm has that name.
  package init?(name: String) {
    guard let found = ReductionAlgorithm.all.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// The algorithm's name in options and in output.
  package var name: String { kind.name }

  /// The algorithm's name in options and in output.
  public var description: String { name }
}
