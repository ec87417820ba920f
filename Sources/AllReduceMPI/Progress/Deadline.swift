/// How long a rank waits for other ranks, in any one wait, before it reports the wait and ends the job. It holds from
/// before `MPI_Init_thread` to after `MPI_Finalize`.
///
/// Set by `ALLREDUCE_DEADLINE`, in seconds: 300 if unset, no deadline if 0.
package enum Deadline {
  /// The deadline in seconds, or nil for no deadline.
  package static let seconds: Double? = {
    guard let text = environmentVariable("ALLREDUCE_DEADLINE") else { return 300 }
    guard let value = Double(text), value >= 0, value.isFinite else {
      writeToStandardError(
        "warning: ALLREDUCE_DEADLINE=\(text) is not a number of seconds; 300 is used.\n")
      return 300
    }
    return value == 0 ? nil : value
  }()

  /// Returns the message with which a rank ends the job: which operation waits, for which ranks, and how long it has
  /// waited; if `cycle` is a sentence about ranks that wait for each other, the message has it too.
  static func message(
    _ operation: String, awaiting: String, waited: Double, who: String, cycle: String? = nil
  ) -> String {
    let limit = seconds ?? 0
    let wait =
      "error: \(who): \(operation) has waited \(Int(waited)) s for \(awaiting), longer than the "
      + "deadline of \(limit.formatted) s. "
    if let cycle {
      return wait + cycle.prefix(1).uppercased() + cycle.dropFirst()
        + ". Unless a message between them is still on its way, none of them can continue. The job ends here.\n"
    }
    return wait
      + "Look at what those ranks do (a different call, a crash, a "
      + "stopped process); if they are only slow, give them more seconds (--deadline or "
      + "ALLREDUCE_DEADLINE), or 0 to wait forever. The job ends here.\n"
  }
}

extension Double {
  fileprivate var formatted: String {
    self == rounded() && abs(self) < 1e15 ? String(Int(self)) : String(self)
  }
}

/// Returns ranks in words: "rank 3", "ranks 0, 2 and 5".
package func describeRanks(_ ranks: [Int]) -> String {
  describeRanks(ranks, joinedBy: "and") { String($0) }
}

/// Same as ``describeRanks(_:)``, with the caller's word before the last rank and description of each rank.
func describeRanks(
  _ ranks: [Int], joinedBy word: String, _ describe: (Int) -> String
) -> String {
  let shown = ranks.prefix(16).map(describe)
  guard let last = shown.last else { return "no rank" }
  if shown.count == 1 { return "rank \(last)" }
  if ranks.count > shown.count {
    return "ranks \(shown.joined(separator: ", ")) \(word) \(ranks.count - shown.count) more"
  }
  return "ranks \(shown.dropLast().joined(separator: ", ")) \(word) \(last)"
}
