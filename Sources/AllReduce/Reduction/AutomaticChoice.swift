/// The rule behind `automatic`, and each algorithm's segments.
///
/// A function of what all ranks know alike, so that all choose alike. Figures are those of hosts with
/// links of 1 Gbit/s, measured by `Benchmarks/hosts`.
package enum AutomaticChoice {
  /// By what means a collective may move its data.
  package enum Path {
    /// Memory that the ranks of a host share, and messages between hosts.
    case memory
    /// Messages alone: what has only a schedule.
    case messages
  }

  /// What runs for a vector of so many bytes, as they travel. Its segments are nil where they are
  /// ``segmentBytes(of:hosts:)``.
  package static func algorithm(
    ranks: Int, hosts: Int, bytes: Int, over path: Path
  ) -> ReductionAlgorithm {
    if path == .memory && hosts == 1 { return .sharedMemory }
    if path == .memory && hosts < ranks { return .hierarchical }
    switch ranks {
    // Two ranks exchange whole vectors, in one step; larger ones gain from being added by halves.
    case 2: return bytes <= 4 << 10 ? .recursiveDoubling : .ring
    case 3 where bytes <= 8 << 10: return .recursiveDoubling
    case 4... where bytes <= 16 << 10: return .recursiveDoubling
    case _ where ranks.nonzeroBitCount == 1 && bytes <= 512 << 10: return .halvingDoubling
    // The more ranks, the longer a ring takes to get going.
    case _ where bytes <= ranks * ranks * 3 << 9: return .doubleTree
    default: return .ring
    }
  }

  /// The most bytes a message carries, unless the caller says otherwise.
  package static func segmentBytes(of algorithm: ReductionAlgorithm.Kind, hosts: Int) -> Int {
    // Over TCP, Open MPI sends up to 64 KiB, its header included, at once; for more it first asks the
    // receiver, which costs a round trip for every message.
    if hosts > 1 { return 60 << 10 }
    return algorithm == .tree ? 64 << 10 : 256 << 10
  }
}
