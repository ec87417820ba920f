package import AllReduceMPI

/// The error that a value that must be equal on all ranks differs.
private struct UnequalRanksError: ExitCoded, CustomStringConvertible {
  /// A message that names the ranks and their values.
  let description: String
  let exitCode: Int32
}

extension Communicator {
  /// Throws unless a number is the same on all ranks. Collective.
  ///
  /// - Parameters:
  ///   - value: This rank's number.
  ///   - what: The name of the number in messages: "numbers of the gradient".
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming the ranks that differ from rank 0.
  package func requireEqual(_ value: Int, _ what: String) throws {
    try requireEqual(value, what, exitCode: 1) { ("\($0[0])", "\($0[$1])") }
  }

  /// Same as ``requireEqual(_:_:)``, for a checksum of the value that is compared. Collective.
  func requireEqual(checksum: UInt64, _ what: String) throws {
    func text(_ value: Int) -> String {
      "the checksum " + Checksum.text(UInt64(bitPattern: Int64(value)))
    }
    try requireEqual(Int(truncatingIfNeeded: checksum), what, exitCode: 1) {
      (text($0[0]), text($0[$1]))
    }
  }

  /// Throws unless a text is the same on all ranks, such as settings that each rank has read by itself. Collective.
  ///
  /// Cost: one all-gather of a number. The texts are sent only if they differ.
  ///
  /// - Parameters:
  ///   - text: This rank's text. If it has several lines, the error shows only the lines that differ.
  ///   - what: The name of the text in messages: "options".
  ///   - exitCode: The exit code of the error.
  /// - Throws: ``AgreedError`` on every rank, naming the ranks that differ from rank 0, with rank 0's text and the text
  ///   of the first of these ranks.
  package func requireEqual(_ text: String, _ what: String, exitCode: Int32 = 1) throws {
    try requireEqual(Int(truncatingIfNeeded: Checksum.of(text)), what, exitCode: exitCode) {
      Communicator.differences(try broadcast(text, from: 0), try broadcast(text, from: $1))
    }
  }

  /// Throws unless a number is the same on all ranks. Collective.
  ///
  /// - Parameters:
  ///   - value: This rank's number.
  ///   - what: The name of the number in messages.
  ///   - exitCode: The exit code of the error.
  ///   - texts: Returns what the message shows for rank 0 and for the first rank that differs, given all ranks' numbers
  ///     and that rank. Called on every rank, and only if the numbers differ.
  /// - Throws: ``AgreedError`` on every rank, naming the ranks that differ from rank 0.
  private func requireEqual(
    _ value: Int, _ what: String, exitCode: Int32, _ texts: ([Int], Int) throws -> (String, String)
  ) throws {
    let all = try allGatherNatively(value)
    let others = all.indices.filter { all[$0] != all[0] }
    guard let other = others.first else { return }
    let (mine, theirs) = try texts(all, other)
    let shown = others.prefix(8).map(String.init).joined(separator: ", ")
    let error = UnequalRanksError(
      description: "The \(what) must be equal on all ranks, but rank 0 has \(mine), and "
        + "\(others.count == 1 ? "rank" : "ranks") \(shown)\(others.count > 8 ? ", ..." : "") "
        + "\(others.count == 1 ? "has" : "have") \(theirs)"
        + (Set(others.map { all[$0] }).count > 1 ? " or other values." : "."), exitCode: exitCode)
    try agreeing { throw error }
  }

  /// Returns the lines of each text that are missing in the other, in quotation marks.
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
