package import AllReduceMPI

/// How a collective operation moves its data.
///
/// A struct with static members, so that algorithms can be added without breaking anyone's switch.
/// `docs/algorithms.md` gives steps and bytes of each.
public struct ReductionAlgorithm: Hashable, Sendable, CustomStringConvertible {
  package typealias Kind = AlgorithmKind

  package let kind: Kind
  /// The largest number of bytes in a message; nil for the algorithm's own choice.
  package let segmentBytes: Int?

  package init(_ kind: Kind, segmentBytes: Int? = nil) {
    precondition(
      (1...1 << 30).contains(segmentBytes ?? 1),
      "A segment must have 1 to \(1 << 30) bytes, not \(segmentBytes ?? 0).")
    self.kind = kind
    self.segmentBytes = segmentBytes
  }

  /// Picks one of the others by the number of bytes and ranks.
  public static let automatic = ReductionAlgorithm(.automatic)
  /// Reduce-scatter, then all-gather, both around a ring: the fewest bytes, 2(p-1) steps.
  /// Patarasuk and Yuan, 2009.
  public static let ring = ReductionAlgorithm(.ring)
  /// Reduce up a binomial tree to one rank, then broadcast down, pipelined in segments.
  public static let tree = ReductionAlgorithm(.tree)
  /// All send to one rank, which adds and sends the sum to all: two steps and the fewest messages, half of
  /// them the one rank's.
  public static let flatTree = ReductionAlgorithm(.flatTree)
  /// Two binary trees at once, each reducing and broadcasting one half of the vector; every rank is
  /// a leaf in one of them. Sanders, Speck and Träff, 2009.
  public static let doubleTree = ReductionAlgorithm(.doubleTree)
  /// Every rank exchanges the whole vector with ⌈log₂ p⌉ others: the fewest steps.
  public static let recursiveDoubling = ReductionAlgorithm(.recursiveDoubling)
  /// Reduce-scatter by recursive halving, all-gather by recursive doubling: few steps and the
  /// fewest bytes where p is a power of two. Rabenseifner, 2004.
  public static let halvingDoubling = ReductionAlgorithm(.halvingDoubling)
  /// Every rank sends its whole vector to every other and adds up all of them: one phase, (p-1) times
  /// the bytes.
  public static let gatherAndReduce = ReductionAlgorithm(.gatherAndReduce)
  /// In memory that the ranks of a host share: one pass over an ``Arena``, without a copy; any other
  /// memory goes through slots that stay in the processor's caches. One host only.
  public static let sharedMemory = ReductionAlgorithm(.sharedMemory)
  /// Shared memory on each host, messages between hosts.
  public static let hierarchical = ReductionAlgorithm(.hierarchical)
  /// MPI's own collective.
  public static let native = ReductionAlgorithm(.native)

  /// The same algorithm with messages of at most this many bytes.
  public func segmented(bytes: Int) -> ReductionAlgorithm {
    ReductionAlgorithm(kind, segmentBytes: bytes)
  }

  /// Every algorithm, `automatic` first.
  package static let all: [ReductionAlgorithm] = [
    .automatic, .ring, .tree, .flatTree, .doubleTree, .recursiveDoubling, .halvingDoubling,
    .gatherAndReduce, .sharedMemory, .hierarchical, .native,
  ]

  /// The algorithm of that name, such as `recursiveDoubling`.
  package init?(name: String) {
    guard let found = ReductionAlgorithm.all.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// The name used in options and output.
  package var name: String { kind.name }

  /// The name used in options and output.
  public var description: String { name }
}
