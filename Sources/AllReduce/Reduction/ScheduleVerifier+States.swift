extension ScheduleVerifier {
  /// Notes what a range is from the start of a round on.
  mutating func note(_ range: Range<Int>, of rank: Int, from round: Int) {
    guard keepStates else { return }
    changes.append(
      Change(round: round, rank: rank, start: range.lowerBound, values: buffers[rank][range]))
  }

  /// What each rank holds after each round, for the picture.
  func statesByRound() -> [[[Value]]] {
    var now = schedules.map { ScheduleVerifier.initialBuffer(collective, $0) }
    var byRound = [[Change]](repeating: [], count: measures.steps + 1)
    for change in changes { byRound[change.round].append(change) }
    return byRound.dropFirst().map { changes in
      for change in changes {
        let range = change.start..<change.start + change.values.count
        now[change.rank].replaceSubrange(range, with: change.values)
      }
      return now
    }
  }
}
