/// The built-in rules by which `automatic` chooses an algorithm where no measurements exist, and the default segment
/// size of each algorithm.
///
/// A choice depends only on facts that are equal on all ranks, so all ranks choose the same algorithm. The thresholds
/// between hosts are for links of 1 Gbit/s, measured by `Benchmarks/hosts`; `Benchmarks/chooser-guard` checks all
/// thresholds.
package enum AutomaticChoice {
  /// Where a vector is in memory, and so how it may be sent.
  package enum Path: String, CaseIterable {
    /// In an ``Arena``.
    case arena
    /// In the rank's private memory.
    case array
    /// Any memory, by messages only: all-reduces that were started (non-blocking), and the stage between hosts of a
    /// hierarchical all-reduce.
    case messages
  }

  /// The algorithm for vectors up to a given size.
  package struct Step: Equatable {
    /// The largest size of a vector, in bytes on the wire; nil in the last step, which has no upper limit.
    package let upToBytes: Int?
    /// The algorithm; where its `segmentBytes` is nil, it uses ``segmentBytes(of:hosts:)``.
    package let algorithm: ReductionAlgorithm

    package init(upToBytes: Int?, _ algorithm: ReductionAlgorithm) {
      self.upToBytes = upToBytes
      self.algorithm = algorithm
    }
  }

  /// Returns the steps for a placement of ranks, in ascending order of vector size.
  package static func steps(ranks: Int, hosts: Int, over path: Path) -> [Step] {
    if path != .messages && hosts == 1 { return [Step(upToBytes: nil, .sharedMemory)] }
    if path != .messages && hosts < ranks { return [Step(upToBytes: nil, .hierarchical)] }
    // On a host, Open MPI sends a message of up to 4 KiB, header included, eagerly. For vectors of
    // about that size, two ranks use a ring, which sends halves.
    if ranks == 2 && hosts == 1 {
      return [
        Step(upToBytes: 2 << 10, .recursiveDoubling), Step(upToBytes: 6 << 10, .ring),
        Step(upToBytes: 32 << 10, .recursiveDoubling), Step(upToBytes: nil, .ring),
      ]
    }
    // Two ranks exchange whole vectors in one step; for larger vectors it is faster to add halves.
    let isPowerOfTwo = ranks.nonzeroBitCount == 1
    let exchange =
      switch ranks {
      case 2, 3: 10 << 10
      default: (isPowerOfTwo ? 14 : 16) << 10
      }
    var steps = [Step(upToBytes: exchange, .recursiveDoubling)]
    // The fewer the ranks, the smaller the vector with which a ring also fills the link.
    if ranks > 2 && isPowerOfTwo {
      steps.append(Step(upToBytes: min(ranks * ranks * 3, 512) << 10, .halvingDoubling))
    }
    // The more ranks, the higher the latency of a ring.
    let ringBegins = max(15 << 10, ranks * ranks * 3 << 9)
    if ranks > 2 && ringBegins > steps.last?.upToBytes ?? 0 {
      steps.append(Step(upToBytes: ringBegins, .doubleTree))
    }
    return steps + [Step(upToBytes: nil, .ring)]
  }

  /// Returns the algorithm for a vector of this number of bytes on the wire.
  package static func algorithm(
    ranks: Int, hosts: Int, bytes: Int, over path: Path
  ) -> ReductionAlgorithm {
    steps(ranks: ranks, hosts: hosts, over: path).algorithm(bytes: bytes)
  }

  /// Returns the largest number of bytes in a message, for algorithms whose `segmentBytes` the caller has not set.
  package static func segmentBytes(of algorithm: ReductionAlgorithm.Kind, hosts: Int) -> Int {
    // Over TCP, Open MPI sends a message of up to 64 KiB, header included, eagerly; for a larger one it first asks
    // the receiver, which costs a round trip per message.
    if hosts > 1 { return 60 << 10 }
    return algorithm == .tree ? 64 << 10 : 256 << 10
  }
}

extension [AutomaticChoice.Step] {
  /// Returns the algorithm for a vector of this number of bytes on the wire.
  package func algorithm(bytes: Int) -> ReductionAlgorithm {
    (first { bytes <= $0.upToBytes ?? .max } ?? self[count - 1]).algorithm
  }
}
