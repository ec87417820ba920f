/// The number of steps and the elements sent by a schedule, as formulas.
///
/// `docs/algorithms.md` states these formulas, and the tests compare them with the schedules. They hold for vectors
/// that can be divided evenly into blocks. The symbols: p is the number of ranks; N the number of elements; k the
/// number of segments of the longest message; q the largest power of two that is at most p; e = p - q; m the number of
/// ranks in the largest subtree below the root of the binomial tree; D the sum of the depths of all ranks in that tree.
package struct ScheduleCost: Equatable, Sendable {
  /// A formula and its value.
  package struct Formula: Equatable, Sendable, CustomStringConvertible {
    /// The formula, such as `2(p-1)`.
    package let text: String
    /// The value of the formula: a number of steps, or a multiple of the vector's length.
    package let value: Double
    /// Whether the formula is an upper bound, so that the schedule may need less.
    package let isBound: Bool

    package var description: String { text }

    init(_ text: String, _ value: Double, isBound: Bool = false) {
      self.text = text
      self.value = value
      self.isBound = isBound
    }
  }

  /// The number of rounds, in which every rank sends one message and receives one; nil if there is no formula for this
  /// number of segments.
  package let steps: Formula?
  /// The most that any rank sends, as a multiple of the vector's length.
  package let mostSent: Formula
  /// The sum of what all ranks send, as a multiple of the vector's length.
  package let totalSent: Formula

  /// Computes the cost of a collective operation over `size` ranks.
  ///
  /// - Parameters:
  ///   - collective: The collective.
  ///   - algorithm: An algorithm that has a schedule.
  ///   - size: The number of ranks.
  ///   - segments: The number of messages that the longest message is cut into.
  package init(
    _ collective: Collective, by algorithm: ReductionAlgorithm.Kind, size: Int, segments: Int = 1
  ) {
    let ranks = Ranks(size)
    if size == 1 {
      self.init(Formula("0", 0), Formula("0", 0), Formula("0", 0))
      return
    }
    switch (collective, algorithm.form(of: collective)) {
    case (.allToAll, _): self = .pairwise(ranks, segments)
    case (.allReduce, .ring): self = .ring(ranks, halves: 2, segments)
    case (.reduceScatter, .ring), (.allGather, .ring): self = .ring(ranks, halves: 1, segments)
    case (.broadcast, .ring), (.reduce, .ring): self = .chain(ranks, segments)
    case (.allReduce, .tree): self = .treeAllReduce(ranks, segments)
    case (.reduceScatter, .tree): self = .treeReduceScatter(ranks, segments)
    case (.allGather, .tree): self = .treeAllGather(ranks, segments)
    case (.broadcast, .tree): self = .treeBroadcast(ranks, segments)
    case (.reduce, .tree): self = .treeReduce(ranks, segments)
    case (.allReduce, .flatTree): self = .flatTreeAllReduce(ranks, segments)
    case (.allReduce, .doubleTree): self = .doubleTreeAllReduce(ranks, segments)
    case (.allReduce, .recursiveDoubling): self = .doublingAllReduce(ranks, segments)
    case (.allReduce, .gatherAndReduce): self = .gatheringAllReduce(ranks, segments)
    case (.allReduce, .halvingDoubling): self = .halvingAllReduce(ranks, segments)
    case (.reduceScatter, .halvingDoubling): self = .halvingReduceScatter(ranks, segments)
    case (.allGather, .halvingDoubling): self = .halvingAllGather(ranks, segments)
    case (.broadcast(let root), .halvingDoubling): self = .halvingBroadcast(ranks, root, segments)
    case (.reduce(let root), .halvingDoubling): self = .halvingReduce(ranks, root, segments)
    default: preconditionFailure("\(algorithm) has no schedule of its own.")
    }
  }

  init(_ steps: Formula?, _ mostSent: Formula, _ totalSent: Formula) {
    self.steps = steps
    self.mostSent = mostSent
    self.totalSent = totalSent
  }

  /// The quantities in the formulas that depend on the number of ranks.
  package struct Ranks: Sendable {
    /// The number of ranks.
    package let p: Double
    /// The largest power of two that is at most p.
    package let q: Double
    /// The number of ranks beyond the largest power of two: p - q.
    package let e: Double
    /// The number of ranks in the largest subtree below the root of the binomial tree.
    package let m: Double
    /// The sum of the depths of all ranks in the binomial tree.
    package let depths: Double
    /// ⌊log₂ p⌋.
    let floor: Double
    /// ⌈log₂ p⌉.
    let ceiling: Double

    var isPowerOfTwo: Bool { e == 0 }

    /// Computes the quantities for `size` ranks.
    package init(_ size: Int) {
      let power = Int.bitWidth - 1 - size.leadingZeroBitCount
      let active = 1 << power
      let levels = size == active ? power : power + 1
      p = Double(size)
      q = Double(active)
      e = Double(size - active)
      // The root's farthest child has the ranks that are left over; the next child has a full tree.
      let farthest = levels < 1 ? 0 : size - (1 << (levels - 1))
      m = Double(max(farthest, levels < 2 ? 0 : 1 << (levels - 2)))
      depths = Double((0..<size).reduce(0) { $0 + $1.nonzeroBitCount })
      floor = Double(power)
      ceiling = Double(levels)
    }
  }
}
