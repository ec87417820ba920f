extension ScheduleCost {
  /// Returns the cost of a ring reduce-scatter or all-gather (`halves` is 1), or of a ring all-reduce, which does both
  /// (2).
  static func ring(_ ranks: Ranks, halves: Double, _ segments: Int) -> ScheduleCost {
    let (p, k) = (ranks.p, Double(segments))
    let factor = halves == 2 ? "2" : ""
    return ScheduleCost(
      Formula(factor + "(p-1)" + times(segments), halves * (p - 1) * k),
      Formula(factor + "(p-1)/p N", halves * (p - 1) / p),
      Formula(factor + "(p-1) N", halves * (p - 1)))
  }

  /// Returns the cost of an all-to-all: each rank sends half of the buffer, except the rank's block for itself.
  static func pairwise(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      Formula("p-1" + times(segments), (ranks.p - 1) * Double(segments)),
      Formula("(p-1)/2p N", (ranks.p - 1) / (2 * ranks.p)),
      Formula("(p-1)/2 N", (ranks.p - 1) / 2))
  }

  /// Returns the cost of a broadcast or a reduce along the ring, once around.
  static func chain(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      segments == 1
        ? Formula("p-1", ranks.p - 1) : Formula("p+k-2", ranks.p + Double(segments) - 2),
      Formula("N", 1), Formula("(p-1) N", ranks.p - 1))
  }

  static func treeAllReduce(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    let (c, k) = (ranks.ceiling, Double(segments))
    return ScheduleCost(
      segments == 1
        ? Formula("2⌈log₂ p⌉", 2 * c)
        : Formula("k⌈log₂ p⌉ + 3⌈log₂ p⌉²", k * c + 3 * c * c, isBound: true),
      Formula("⌈log₂ p⌉ N", c), Formula("2(p-1) N", 2 * (ranks.p - 1)))
  }

  static func treeReduceScatter(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      segments == 1 ? Formula("2⌈log₂ p⌉", 2 * ranks.ceiling) : nil,
      Formula("(1 + (m-1)/p) N", 1 + (ranks.m - 1) / ranks.p), treeTotal(ranks))
  }

  static func treeAllGather(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      segments == 1 ? Formula("2⌈log₂ p⌉", 2 * ranks.ceiling) : nil,
      Formula("⌈log₂ p⌉ N", ranks.ceiling), treeTotal(ranks))
  }

  static func treeBroadcast(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      treeSteps(ranks, segments), Formula("⌈log₂ p⌉ N", ranks.ceiling),
      Formula("(p-1) N", ranks.p - 1))
  }

  static func treeReduce(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      treeSteps(ranks, segments), Formula("N", 1), Formula("(p-1) N", ranks.p - 1))
  }

  static func doublingAllReduce(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    let (p, f, q, e, k) = (ranks.p, ranks.floor, ranks.q, ranks.e, Double(segments))
    if ranks.isPowerOfTwo {
      return ScheduleCost(
        Formula((segments == 1 ? "" : "k ") + "log₂ p", k * f), Formula("log₂ p N", f),
        Formula("p log₂ p N", p * f))
    }
    return ScheduleCost(
      segments == 1 ? Formula("⌊log₂ p⌋ + 2", f + 2) : nil,
      Formula("(⌊log₂ p⌋ + 1) N", f + 1), Formula("(q⌊log₂ p⌋ + 2e) N", q * f + 2 * e))
  }

  static func doubleTreeAllReduce(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      segments == 1 ? Formula("4⌈log₂ p⌉", 4 * ranks.ceiling, isBound: true) : nil,
      Formula("2 N", 2, isBound: true), Formula("2(p-1) N", 2 * (ranks.p - 1)))
  }

  static func flatTreeAllReduce(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    let p = ranks.p
    return ScheduleCost(
      segments == 1 ? Formula("2(p-1)", 2 * (p - 1)) : nil,
      Formula("(p-1) N", p - 1), Formula("2(p-1) N", 2 * (p - 1)))
  }

  static func gatheringAllReduce(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    ScheduleCost(
      segments == 1 ? Formula("p-1", ranks.p - 1) : nil,
      Formula("(p-1) N", ranks.p - 1), Formula("p(p-1) N", ranks.p * (ranks.p - 1)))
  }

  static func halvingAllReduce(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    let (p, q) = (ranks.p, ranks.q)
    return ScheduleCost(
      halvingSteps(ranks, halves: 2, segments),
      ranks.isPowerOfTwo
        ? Formula("2(p-1)/p N", 2 * (p - 1) / p)
        : Formula("(1 + 2(q-1)/q) N", 1 + 2 * (q - 1) / q),
      Formula("2(p-1) N", 2 * (p - 1)))
  }

  static func halvingReduceScatter(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    let (p, q, e) = (ranks.p, ranks.q, ranks.e)
    return ScheduleCost(
      halvingSteps(ranks, halves: 1, segments),
      ranks.isPowerOfTwo ? Formula("(p-1)/p N", (p - 1) / p) : Formula("N", 1),
      ranks.isPowerOfTwo
        ? Formula("(p-1) N", p - 1) : Formula("(q(p-1)/p + e) N", q * (p - 1) / p + e))
  }

  static func halvingAllGather(_ ranks: Ranks, _ segments: Int) -> ScheduleCost {
    let (p, q, e) = (ranks.p, ranks.q, ranks.e)
    return ScheduleCost(
      halvingSteps(ranks, halves: 1, segments),
      ranks.isPowerOfTwo
        ? Formula("(p-1)/p N", (p - 1) / p)
        : Formula("(1 + 2(q-1)/p) N", 1 + 2 * (q - 1) / p, isBound: true),
      ranks.isPowerOfTwo ? Formula("(p-1) N", p - 1) : Formula("(p-1 + e/p) N", p - 1 + e / p))
  }

  /// Returns the cost of a broadcast that is a scatter down the tree, then an all-gather.
  static func halvingBroadcast(_ ranks: Ranks, _ root: Int, _ segments: Int) -> ScheduleCost {
    let (p, q, e) = (ranks.p, ranks.q, ranks.e)
    return ScheduleCost(
      halvingRootedSteps(ranks, root, segments),
      ranks.isPowerOfTwo
        ? Formula("2(p-1)/p N", 2 * (p - 1) / p)
        : Formula("(2 + (2q-3)/p) N", 2 + (2 * q - 3) / p, isBound: true),
      ranks.isPowerOfTwo
        ? treeTotal(ranks) : Formula("(p-1 + (D+e)/p) N", p - 1 + (ranks.depths + e) / p))
  }

  /// Returns the cost of a reduce that is a reduce-scatter, then a gather up the tree.
  static func halvingReduce(_ ranks: Ranks, _ root: Int, _ segments: Int) -> ScheduleCost {
    let (p, q, e) = (ranks.p, ranks.q, ranks.e)
    return ScheduleCost(
      halvingRootedSteps(ranks, root, segments),
      ranks.isPowerOfTwo
        ? Formula("(3/2 - 1/p) N", 1.5 - 1 / p) : Formula("3/2 N", 1.5, isBound: true),
      ranks.isPowerOfTwo
        ? treeTotal(ranks)
        : Formula("((q(p-1) + D)/p + e) N", (q * (p - 1) + ranks.depths) / p + e))
  }

  private static func times(_ segments: Int) -> String { segments == 1 ? "" : "k" }

  private static func treeSteps(_ ranks: Ranks, _ segments: Int) -> Formula {
    Formula(times(segments) + "⌈log₂ p⌉", Double(segments) * ranks.ceiling)
  }

  /// Returns the total that is sent if every edge of the tree carries a whole vector in one direction and, in the
  /// other, the blocks of the ranks below the edge.
  private static func treeTotal(_ ranks: Ranks) -> Formula {
    Formula("(p-1 + D/p) N", ranks.p - 1 + ranks.depths / ranks.p)
  }

  private static func halvingSteps(_ ranks: Ranks, halves: Double, _ segments: Int) -> Formula? {
    if segments > 1 { return nil }
    let factor = halves == 2 ? "2" : ""
    return ranks.isPowerOfTwo
      ? Formula(factor + (halves == 2 ? " " : "") + "log₂ p", halves * ranks.floor)
      : Formula(factor + "⌊log₂ p⌋ + 2", halves * ranks.floor + 2)
  }

  /// Returns the steps of a halving broadcast or reduce. With a root other than rank 0 the tree's ranges wrap around
  /// and do not match the halves, so that the formula is only a bound.
  private static func halvingRootedSteps(_ ranks: Ranks, _ root: Int, _ segments: Int) -> Formula? {
    if segments > 1 { return nil }
    return ranks.isPowerOfTwo && root == 0
      ? Formula("2 log₂ p", 2 * ranks.floor)
      : Formula("4⌈log₂ p⌉", 4 * ranks.ceiling, isBound: true)
  }
}
