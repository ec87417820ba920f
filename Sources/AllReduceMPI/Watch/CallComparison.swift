/// Compares the calls of ranks on the communicators that they share.
package enum CallComparison {
  /// A call that a rank has made.
  package struct MadeCall: Sendable {
    /// The communicator's number.
    package let communicator: UInt64
    /// The call's number on its communicator, from 1.
    package let number: UInt64
    /// The hash over all calls on the communicator up to this one.
    package let running: UInt64
    /// A description of the call.
    package let words: String

    package init(communicator: UInt64, number: UInt64, running: UInt64, words: String) {
      (self.communicator, self.number, self.running) = (communicator, number, running)
      self.words = words
    }

    init(_ entry: CallRecord.Entry) {
      self.init(
        communicator: entry.communicator, number: entry.number, running: entry.running,
        words: entry.call.descriptionOfOthers)
    }
  }

  /// The last calls of each rank, the latest first, by world rank.
  package typealias Calls = [Int: [MadeCall]]

  /// Returns sentences about the communicators on which ranks are at different calls, or have made different calls;
  /// none if there are no differences.
  package static func sentences(_ calls: Calls) -> [String] {
    var latest: [UInt64: [Int: MadeCall]] = [:]
    for (rank, made) in calls {
      for call in made where latest[call.communicator]?[rank] == nil {
        latest[call.communicator, default: [:]][rank] = call
      }
    }
    return latest.keys.sorted().flatMap { id -> [String] in
      guard let ends = latest[id], ends.count > 1 else { return [] }
      var sentences: [String] = []
      let numbers = Set(ends.values.map(\.number))
      if numbers.count > 1 {
        let places = numbers.sorted(by: >).map { number -> String in
          let there = ends.filter { $0.value.number == number }.keys.sorted()
          let call = there.first.flatMap { ends[$0] }?.words ?? ""
          return "\(describeRanks(there)) at call \(number), \(call)"
        }
        sentences.append("communicator \(name(id)): " + places.joined(separator: "; "))
      }
      if let sentence = firstDifference(calls, id) { sentences.append(sentence) }
      return sentences
    }
  }

  /// Returns a sentence about the first call at which ranks differ, for the report of a rank that waits in a call;
  /// nil if there is none that explains the wait.
  ///
  /// Ranks differ where they have made different calls of the same number, on any communicator, or where some have not
  /// made the call in which this rank waits.
  ///
  /// - Parameters:
  ///   - calls: The last calls of the ranks that can be seen.
  ///   - waiting: The communicator and number of the call in which this rank waits; nil for a message.
  ///   - awaited: The ranks that this rank waits for.
  /// - Returns: The sentence, without a full stop.
  package static func difference(
    _ calls: Calls, waiting: (communicator: UInt64, number: UInt64)?, awaited: [Int]
  ) -> String? {
    var ids = Set(calls.values.joined().map(\.communicator)).sorted()
    if let waiting {
      ids = [waiting.communicator] + ids.filter { $0 != waiting.communicator }
    }
    if let different = ids.lazy.compactMap({ firstDifference(calls, $0) }).first {
      return different
    }
    guard let (id, number) = waiting else { return nil }
    let latest = calls.compactMapValues { made in made.first { $0.communicator == id }?.number }
    let have = latest.filter { $0.value >= number }.keys.sorted()
    let call = calls.values.joined().first { $0.communicator == id && $0.number == number }
    let others = Set(awaited).union(latest.keys).filter { calls[$0] != nil && !have.contains($0) }
    guard let call, !others.isEmpty else { return nil }
    return
      "communicator \(name(id)): \(describeRanks(have)) made call \(number), \(call.words); "
      + "\(describeRanks(others.sorted())) did not"
  }

  /// Returns a sentence about the first call on a communicator from which on ranks differ, as far back as calls are
  /// known; nil if their latest calls of the same number are the same.
  private static func firstDifference(_ calls: Calls, _ id: UInt64) -> String? {
    var byNumber: [UInt64: [(rank: Int, call: MadeCall)]] = [:]
    for (rank, made) in calls {
      for call in made where call.communicator == id {
        byNumber[call.number, default: []].append((rank, call))
      }
    }
    var found: (number: UInt64, ranks: Set<Int>)?
    for (number, made) in byNumber.sorted(by: { $0.key < $1.key }) where made.count > 1 {
      let ranks = made.map(\.rank)
      if !made.allSatisfy({ $0.call.running == made[0].call.running }) {
        found = (found?.number ?? number, (found?.ranks ?? []).union(ranks))
      } else if found?.ranks.isSubset(of: ranks) == true {
        // Ranks that made different calls, and continued after the error, have the same hashes again.
        found = nil
      }
    }
    guard let first = found?.number, let made = byNumber[first] else { return nil }
    let byWords = Dictionary(grouping: made) { $0.call.words }.mapValues { $0.map(\.rank).sorted() }
    let groups = byWords.sorted { $0.value[0] < $1.value[0] }.map { words, ranks in
      "\(describeRanks(ranks)) called \(words)"
    }
    return "communicator \(name(id)): ranks differ from call \(first) on: "
      + groups.joined(separator: ", ")
  }

  /// Returns a communicator's number as it is shown; numbers of communicators that were split off are hashes.
  private static func name(_ id: UInt64) -> String {
    id < 1 << 20 ? "\(id)" : "#" + String(id & 0xFFFF_FFFF, radix: 16)
  }
}
