/// The rule behind `automatic` where nothing was measured, and each algorithm's segments.
///
/// Computed from facts that are equal on all ranks, so all choose the same. Figures between hosts are those of
/// links of 1 Gbit/s, measured by `Benchmarks/hosts`; `Benchmarks/chooser-guard` checks them all.
package enum AutomaticChoice {
  /// Where a vector lies, and how it may travel.
  package enum Path: String, CaseIterable {
    /// In an ``Arena``.
    case arena
    /// In memory of the rank's own.
    case array
    /// Any memory, by messages only: started all-reduces, and those of hierarchical between hosts.
    case messages
  }

  /// The algorithm for vectors up to a size.
  package struct Step: Equatable {
    /// The largest vector, in bytes as they travel; nil in the last step, which takes all larger ones.
    package let upToBytes: Int?
    /// The algorithm; its segments are nil where they are ``segmentBytes(of:hosts:)``.
    package let algorithm: ReductionAlgorithm

    package init(upToBytes: Int?, _ algorithm: ReductionAlgorithm) {
      self.upToBytes = upToBytes
      self.algorithm = algorithm
    }
  }

  /// The steps, in ascending order of sizes.
  package static func steps(ranks: Int, hosts: Int, over path: Path) -> [Step] {
    if path != .messages && hosts == 1 { return [Step(upToBytes: nil, .sharedMemory)] }
    if path != .messages && hosts < ranks { return [Step(upToBytes: nil, .hierarchical)] }
    // On a host Open MPI sends up to 4 KiB, its header included, at once; two ranks send halves of what
    // is just too large for that.
    if ranks == 2 && hosts == 1 {
      return [
        Step(upToBytes: 2 << 10, .recursiveDoubling), Step(upToBytes: 6 << 10, .ring),
        Step(upToBytes: 32 << 10, .recursiveDoubling), Step(upToBytes: nil, .ring),
      ]
    }
    // Two ranks exchange whole vectors, in one step; larger ones gain from being added by halves.
    let isPowerOfTwo = ranks.nonzeroBitCount == 1
    let exchange =
      switch ranks {
      case 2, 3: 10 << 10
      default: (isPowerOfTwo ? 14 : 16) << 10
      }
    var steps = [Step(upToBytes: exchange, .recursiveDoubling)]
    // The fewer the ranks, the smaller the vector with which a ring fills the wire, too.
    if ranks > 2 && isPowerOfTwo {
      steps.append(Step(upToBytes: min(ranks * ranks * 3, 512) << 10, .halvingDoubling))
    }
    // The more ranks, the longer a ring takes to get going.
    let ringBegins = max(15 << 10, ranks * ranks * 3 << 9)
    if ranks > 2 && ringBegins > steps.last?.upToBytes ?? 0 {
      steps.append(Step(upToBytes: ringBegins, .doubleTree))
    }
    return steps + [Step(upToBytes: nil, .ring)]
  }

  /// The algorithm for a vector of this many bytes on the wire.
  package static func algorithm(
    ranks: Int, hosts: Int, bytes: Int, over path: Path
  ) -> ReductionAlgorithm {
    steps(ranks: ranks, hosts: hosts, over: path).algorithm(bytes: bytes)
  }

  /// The largest number of bytes in a message, unless the caller says otherwise.
  package static func segmentBytes(of algorithm: ReductionAlgorithm.Kind, hosts: Int) -> Int {
    // Over TCP, Open MPI sends up to 64 KiB, its header included, at once; for more it first asks the
    // receiver, which costs a round trip for every message.
    if hosts > 1 { return 60 << 10 }
    return algorithm == .tree ? 64 << 10 : 256 << 10
  }
}

extension [AutomaticChoice.Step] {
  /// The algorithm for a vector of this many bytes.
  package func algorithm(bytes: Int) -> ReductionAlgorithm {
    (first { bytes <= $0.upToBytes ?? .max } ?? self[count - 1]).algorithm
  }
}
