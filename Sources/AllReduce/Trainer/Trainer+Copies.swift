internal import AllReduceMPI
internal import AllReduceNN

/// The error that ranks that should hold the same bits of a parameter do not.
package struct CopiesDiffer: ExitCoded, CustomStringConvertible, Equatable {
  /// The name of the first parameter whose copies differ.
  package let parameter: String
  /// The ranks whose copy differs from that of the majority; without a majority, all ranks that hold a copy.
  package let ranks: [Int]
  /// Whether the copies of all other ranks are equal.
  package let othersAgree: Bool
  /// The number of updates after which the copies were compared.
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
  /// Throws unless all ranks of a replica that hold the same weights have the same bits, and all replicas the same
  /// global weights. Collective.
  ///
  /// Cost: a pass over the weights and an all-reduce of 16 bytes. If weights are sharded, or replicas do not synchronize
  /// in every step, another all-reduce of 16 bytes for each, and an all-gather of a number; replicas wait for each
  /// other. If the ranks of a host share one copy of the weights, this compares only the copies of different hosts.
  ///
  /// - Throws: ``AgreedError`` with a ``CopiesDiffer`` that names the parameter and the ranks; ``MPIError``.
  package func checkCopies() throws {
    try finish()
    let isSharded = network.parameters.contains { $0.shard != nil }
    var difference = try self.difference(over: grid.world) { $0.shard == nil }
    if isSharded {
      let ofShards = try self.difference(over: grid.data) { $0.shard != nil }
      difference = difference ?? ofShards
    }
    if let replicas {
      let ofReplicas = try self.difference(
        over: replicas.peers, network.layout.parameters, replicas.globalChecksums(network.layout))
      difference = difference ?? ofReplicas
    }
    guard isSharded || replicas != nil else {
      if let difference { try world.agreeing { throw difference } }
      return
    }
    // Another group than this rank's may have found a difference.
    let first = difference == nil ? Int.max : world.rank
    let finder = try world.allGatherNatively(first).min() ?? .max
    guard finder < .max else { return }
    // Only the first rank that found a difference throws here; `agreeing` makes all ranks throw.
    try world.agreeing { if world.rank == finder, let difference { throw difference } }
  }

  /// Same as ``difference(over:_:_:)``, for this rank's weights of the parameters for which `isMeant` returns true.
  private func difference(
    over group: Communicator, _ isMeant: (Parameter<Scalar>) -> Bool
  ) throws -> CopiesDiffer? {
    guard group.size > 1 else { return nil }
    let parameters = network.layout.parameters.filter(isMeant)
    return try difference(over: group, parameters, parameters.map { Checksum.of($0) })
  }

  /// Returns the first difference between copies in a group, the same on all its ranks; nil if there is none.
  /// Collective over the group.
  ///
  /// - Parameters:
  ///   - group: The ranks that hold copies.
  ///   - parameters: The parameters.
  ///   - own: The checksums of this rank's copies.
  /// - Returns: The difference.
  /// - Throws: ``MPIError``.
  private func difference(
    over group: Communicator, _ parameters: [Parameter<Scalar>], _ own: [UInt64]
  ) throws -> CopiesDiffer? {
    guard group.size > 1 else { return nil }
    let sums = own.map { Int64(bitPattern: $0) }
    let all = Int64(bitPattern: sums.withUnsafeBytes { Checksum.of($0) })
    // The maximum gives the largest checksum, and the complement of the smallest.
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
