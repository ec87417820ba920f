extension ScheduleCost {
  /// Returns the maximum number of times that a rank's contribution is rounded on its way into a result, if elements
  /// are sent in 16 bits.
  ///
  /// R roundings, each with a relative error of at most u, and at most p operations in 32 bits change a contribution by
  /// a factor of at most (1 + u)^R * (1 + 2^-24)^p. So the error of a sum is at most this factor minus 1, times the sum
  /// of the contributions' absolute values.
  ///
  /// - Parameters:
  ///   - collective: The collective.
  ///   - algorithm: An algorithm that has a schedule.
  ///   - size: The number of ranks.
  /// - Returns: R, in terms of p, the number of ranks.
  package static func roundings(
    _ collective: Collective, by algorithm: ReductionAlgorithm.Kind, size: Int
  ) -> Formula {
    let ranks = Ranks(size)
    if size == 1 { return Formula("0", 0) }
    let (p, f) = (ranks.p, ranks.floor)
    // If the number of ranks is not a power of two, a rank that folds first sends its vector, and may get its part
    // back; for some numbers of ranks no block takes all of these hops.
    func folding(
      _ powerOfTwo: Double, _ otherwise: Double, isBound: Bool = false
    ) -> Formula {
      let extra = ranks.isPowerOfTwo ? powerOfTwo : otherwise
      let log = ranks.isPowerOfTwo ? "log₂ p" : "⌊log₂ p⌋"
      return Formula(
        extra == 0 ? log : "\(log) + \(Int(extra))", f + extra,
        isBound: isBound && !ranks.isPowerOfTwo)
    }
    switch (collective, algorithm.form(of: collective)) {
    case (_, .automatic), (_, .native), (_, .sharedMemory), (_, .hierarchical):
      preconditionFailure("\(algorithm) has no schedule of its own.")
    case (.allGather, _), (.broadcast, _), (.allToAll, _): return Formula("1", 1)
    case (.allReduce, .ring): return Formula("p", p)
    case (.allReduce, .flatTree), (.allReduce, .gatherAndReduce): return Formula("2", 2)
    case (.allReduce, .tree), (.allReduce, .doubleTree): return Formula("⌊log₂ p⌋ + 1", f + 1)
    case (.allReduce, _): return folding(1, 2)
    case (.reduceScatter, .ring), (.reduce, .ring): return Formula("p-1", p - 1)
    case (.reduceScatter, .tree): return Formula("⌊log₂ p⌋ + 1", f + 1)
    case (.reduceScatter, _): return folding(0, 2, isBound: true)
    case (.reduce, .halvingDoubling): return folding(1, 2, isBound: true)
    case (.reduce, _): return Formula("⌊log₂ p⌋", f)
    }
  }
}
