internal import AllReduceMPI
internal import AllReduceNN

/// Ranks that should hold the same bits of a parameter do not.
package struct CopiesDiffer: ExitCoded, CustomStringConvertible, Equatable {
  /// The first parameter in which they differ.
  package let parameter: String
  /// The ranks whose bits differ from those of most ranks; all ranks, where no bits are those of most.
  package let ranks: [Int]
  /// Whether the others agree.
  package let othersAgree: Bool
  /// After how many updates.
  package let updates: Int
  package let exitCode: Int32 = 1

  package var description: String {
    let found =
      othersAgree
      ? "\(describeRanks(ranks)) \(ranks.count == 1 ? "differs" : "differ") from the others, which agree"
      : "\(describeRanks(ranks)) have different bits"
    let host = othersAgree ? "the host of \(describeRanks(ranks))" : "the faulty host, once found"
    return
      "After \(updates) updates copies of \(parameter) differ: \(found). Faulty memory or a faulty processor is "
      + "likely: resume from the last state without \(host)."
  }
}

extension Trainer {
  /// Makes sure that ranks that hold the same weights have the same bits: of replicas within each. Collective.
  ///
  /// A pass over the weights, and a reduction of 16 bytes. Where the ranks of a host share one copy, only hosts are
  /// compared.
  ///
  /// - Throws: ``AgreedError`` of a ``CopiesDiffer`` that names the parameter and the ranks; ``MPIError``.
  package func checkCopies() throws {
    try finish()
    let isSharded = network.parameters.contains { $0.shard != nil }
    var difference = try self.difference(over: grid.world) { $0.shard == nil }
    if isSharded {
      let ofShards = try self.difference(over: grid.data) { $0.shard != nil }
      difference = difference ?? ofShards
      // Another group than this rank's may have found one.
      let first = difference == nil ? Int.max : grid.world.rank
      let finder = try grid.world.allGatherNatively(first).min() ?? .max
      guard finder < .max else { return }
      // Only the rank that found it throws by itself.
      try grid.world.agreeing {
        if grid.world.rank == finder, let difference { throw difference }
      }
    }
    guard let difference else { return }
    try grid.world.agreeing { throw difference }
  }

  /// The difference within a group; the same on all its ranks. Collective over it.
  private func difference(
    over group: Communicator, _ isMeant: (Parameter<Scalar>) -> Bool
  ) throws -> CopiesDiffer? {
    guard group.size > 1 else { return nil }
    let parameters = network.layout.parameters.filter(isMeant)
    let sums = parameters.map {
      Int64(
        bitPattern: WeightChecksum.of(
          UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer($0.values.values))))
    }
    let all = Int64(bitPattern: sums.withUnsafeBytes { WeightChecksum.of($0) })
    // The largest, and the complement of the smallest.
    var ends = [all, ~all]
    try group.allReduce(&ends, .maximum)
    if ends[0] == ~ends[1] { return nil }
    let gathered = try group.allGather(sums)
    for (number, parameter) in parameters.enumerated() {
      let found = (0..<group.size).map { gathered[$0 * sums.count + number] }
      let counts = Dictionary(found.map { ($0, 1) }, uniquingKeysWith: +)
      guard counts.count > 1 else { continue }
      let most = counts.max { $0.value < $1.value }
      let usual = most.flatMap { 2 * $0.value > group.size ? $0.key : nil }
      let ranks = found.indices.filter { found[$0] != usual }.map { group.worldRanks[$0] }
      return CopiesDiffer(
        parameter: parameter.name, ranks: ranks, othersAgree: usual != nil, updates: updates)
    }
    return nil
  }
}
