/// Steps and elements sent by a schedule, as formulas.
///
/// What `docs/algorithms.md` states, and what the tests hold against the schedules themselves. The
/// formulas are those of vectors that the blocks divide evenly. Symbols: p ranks, N elements, k
/// segments of the longest message; q the largest power of two that is at most p, e = p - q; m the
/// ranks in the largest tree below the binomial tree's root; D the sum of the depths of all ranks in
/// that tree.
package struct ScheduleCost: Equatable, Sendable {
  /// A formula and its value.
  package struct Formula: Equatable, Sendable, CustomStringConvertible {
    /// The formula, such as `2(p-1)`.
    package let text: String
    /// Its value: steps, or multiples of the vector.
    package let value: Double
    /// Whether the schedule may need less.
    package let isBound: Bool

    package var description: String { text }

    init(_ text: String, _ value: Double, isBound: Bool = false) {
      self.text = text
      self.value = value
      self.isBound = isBound
    }
  }

  /// Rounds in which every rank sends one message and receives one; nil where segments have no
  /// formula.
  package let steps: Formula?
  /// The most that one rank sends, in multiples of the vector.
  package let mostSent: Formula
  /// The sum that all ranks send, in multiples of the vector.
  package let totalSent: Formula

  /// The cost of a collective operation over `size` ranks.
  ///
  /// - Parameters:
  ///   - collective: The collective.
  ///   - algorithm: One that has a schedule.
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

  /// The numbers that formulas are made of.
  package struct Ranks: Sendable {
    /// The number of ranks.
    package let p: Double
    /// The largest power of two that is at most p.
    package let q: Double
    /// p - q.
    package let e: Double
    /// The ranks in the largest subtree below the root.
    package let m: Double
    /// The sum of the depths of all ranks in the tree.
    package let depths: Double
    /// ⌊log₂ p⌋ and ⌈log₂ p⌉.
    let floor: Double
    let ceiling: Double

    var isPowerOfTwo: Bool { e == 0 }

    /// The numbers of `size` ranks.
    package init(_ size: Int) {
      let power = Int.bitWidth - 1 - size.leadingZeroBitCount
      let active = 1 << power
      let levels = size == active ? power : power + 1
      p = Double(size)
      q = Double(active)
      e = Double(size - active)
      // The root's farthest child has what is left over; the next one has a full tree.
      let farthest = levels < 1 ? 0 : size - (1 << (levels - 1))
      m = Double(max(farthest, levels < 2 ? 0 : 1 << (levels - 2)))
      depths = Double((0..<size).reduce(0) { $0 + $1.nonzeroBitCount })
      floor = Double(power)
      ceiling = Double(levels)
    }
  }
}
