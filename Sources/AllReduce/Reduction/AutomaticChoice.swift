/// The rule behind `automatic`, and each algorithm's segments.
///
/// A function of what all ranks know alike, so that all choose alike. Figures are those of hosts with
/// links of 1 Gbit/s, measured by `Benchmarks/hosts`.
enum AutomaticChoice {
  /// By what means a collective may move its data.
  enum Path {
    /// Memory that the ranks of a host share, and messages between hosts.
    case memory
    /// Messages alone: what has only a schedule.
    case messages
  }

  /// What runs for a vector of so many bytes, as they travel. Its segments are nil where they are
  /// ``segmentBytes(of:hosts:)``.
  static func algorithm(ranks: Int, hosts: Int, bytes: Int, over path: Path) -> ReductionAlgorithm {
    if path == .memory && hosts == 1 { return .sharedMemory }
    if path == .memory && hosts < ranks { return .hierarchical }
    // Two ranks exchange whole vectors, in one step and with no more bytes than a ring.
    if bytes <= (ranks == 2 ? 4 << 20 : 32 << 10) { return .recursiveDoubling }
    if ranks >= 8 && bytes <= 512 << 10 {
      return ranks.nonzeroBitCount == 1 ? .halvingDoubling : .doubleTree
    }
    return .ring
  }

  /// The most bytes a message carries, unless the caller says otherwise.
  static func segmentBytes(of algorithm: ReductionAlgorithm.Kind, hosts: Int) -> Int {
    // Over TCP, Open MPI sends up to 64 KiB, its header included, at once; for more it first asks the
    // receiver, which costs a round trip for every message.
    if hosts > 1 { return 60 << 10 }
    return algorithm == .tree ? 64 << 10 : 256 << 10
  }
}
