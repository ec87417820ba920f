package import AllReduceMPI

/// A value that must be equal on all ranks differs.
private struct UnequalRanksError: ExitCoded, CustomStringConvertible {
  /// A sentence that names the ranks and what they have.
  let description: String
  let exitCode: Int32

  /// - Parameters:
  ///   - what: The name of the value.
  ///   - others: The ranks that differ from rank 0.
  ///   - mine: The value of rank 0.
  ///   - theirs: The value of the first of the others.
  ///   - more: Whether the others have different values too.
  ///   - exitCode: The exit code of the job.
  init(
    _ what: String, others: [Int], mine: String, theirs: String, more: Bool, exitCode: Int32
  ) {
    let shown = others.prefix(8).map(String.init).joined(separator: ", ")
    description =
      "The \(what) must be equal on all ranks, but rank 0 has \(mine), and "
      + "\(others.count == 1 ? "rank" : "ranks") \(shown)\(others.count > 8 ? ", ..." : "") "
      + "\(others.count == 1 ? "has" : "have") \(theirs)" + (more ? " or other values." : ".")
    self.exitCode = exitCode
  }
}

extension Communicator {
  /// Makes sure that a number is the same on all ranks. Collective.
  ///
  /// - Parameters:
  ///   - value: This rank's number.
  ///   - what: Its name, for messages: "numbers of the gradient".
  ///   - text: How it is written.
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming the ranks that differ from rank 0.
  package func requireEqual(
    _ value: Int, _ what: String, _ text: (Int) -> String = { "\($0)" }
  ) throws {
    let all = try allGatherNatively(value)
    let others = all.indices.filter { all[$0] != all[0] }
    guard let other = others.first else { return }
    let error = UnequalRanksError(
      what, others: others, mine: text(all[0]), theirs: text(all[other]),
      more: Set(others.map { all[$0] }).count > 1, exitCode: 1)
    try agreeing { throw error }
  }

  /// Same as ``requireEqual(_:_:_:)``, of a checksum of what is compared. Collective.
  func requireEqual(checksum: UInt64, _ what: String) throws {
    try requireEqual(Int(truncatingIfNeeded: checksum), what) {
      "the checksum " + WeightChecksum.text(UInt64(bitPattern: Int64($0)))
    }
  }

  /// Makes sure that a text is the same on all ranks, such as settings that each rank has read by itself.
  /// Collective.
  ///
  /// Cost: one all-gather of a number; texts travel only where they differ.
  ///
  /// - Parameters:
  ///   - text: This rank's text; of several lines, those that differ are named.
  ///   - what: Its name, for messages: "options".
  ///   - exitCode: The exit code of the error.
  /// - Throws: ``AgreedError`` on every rank, naming the ranks that differ from rank 0, and both texts.
  package func requireEqual(_ text: String, _ what: String, exitCode: Int32 = 1) throws {
    let digest = Array(text.utf8).withUnsafeBytes { WeightChecksum.of($0) }
    let all = try allGatherNatively(Int(truncatingIfNeeded: digest))
    let others = all.indices.filter { all[$0] != all[0] }
    guard let other = others.first else { return }
    let (mine, theirs) = (try broadcast(text, from: 0), try broadcast(text, from: other))
    let (left, right) = Communicator.differences(mine, theirs)
    let error = UnequalRanksError(
      what, others: others, mine: left, theirs: right,
      more: Set(others.map { all[$0] }).count > 1, exitCode: exitCode)
    try agreeing { throw error }
  }

  /// The lines in which two texts differ, in quotation marks.
  private static func differences(_ a: String, _ b: String) -> (String, String) {
    func lines(_ text: String, without other: String) -> String {
      let others = Set(other.split(separator: "\n"))
      let own = text.split(separator: "\n").filter { !others.contains($0) }
      let words = own.isEmpty ? text : own.joined(separator: ", ")
      return "\"\(words.prefix(400))\(words.count > 400 ? "..." : "")\""
    }
    return (lines(a, without: b), lines(b, without: a))
  }
}
