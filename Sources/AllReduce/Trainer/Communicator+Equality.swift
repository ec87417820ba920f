public import AllReduceMPI

/// What must be equal on all ranks is not.
private struct UnequalRanksError: ExitCoded, CustomStringConvertible {
  /// A sentence that names the ranks and what they have.
  let description: String

  /// 1: a comparison failed.
  var exitCode: Int32 { 1 }
}

extension Communicator {
  /// Makes sure that a number is the same on all ranks. Collective.
  ///
  /// - Parameters:
  ///   - value: This rank's number.
  ///   - what: What it is, for people: "numbers of the gradient".
  ///   - text: How it is written.
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming the ranks that differ from rank 0.
  public func requireEqual(
    _ value: Int, _ what: String, _ text: (Int) -> String = { "\($0)" }
  ) throws {
    let all = try allGatherNatively(value)
    let others = all.indices.filter { all[$0] != all[0] }
    guard let other = others.first else { return }
    let named = others.prefix(8).map(String.init).joined(separator: ", ")
    let error = UnequalRanksError(
      description: "The \(what) must be equal on all ranks, but rank 0 has \(text(all[0])), and "
        + "\(others.count == 1 ? "rank" : "ranks") \(named)\(others.count > 8 ? ", ..." : "") "
        + "\(others.count == 1 ? "has" : "have") \(text(all[other]))"
        + (Set(others.map { all[$0] }).count > 1 ? " or others." : "."))
    try agreeing { throw error }
  }

  /// As ``requireEqual(_:_:_:)``, of a checksum of what is compared. Collective.
  func requireEqual(checksum: UInt64, _ what: String) throws {
    try requireEqual(Int(truncatingIfNeeded: checksum), what) {
      "the checksum " + WeightChecksum.text(UInt64(bitPattern: Int64($0)))
    }
  }
}
