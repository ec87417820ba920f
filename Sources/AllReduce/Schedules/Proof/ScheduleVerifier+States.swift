extension ScheduleVerifier {
  /// Records the present values of the elements in a range, if they are among ``places``, as valid from the start of a
  /// round on.
  mutating func note(_ range: Range<Int>, of rank: Int, from round: Int) {
    for (place, element) in places.enumerated() where range.contains(element) {
      changes.append(
        Change(round: round, rank: rank, place: place, value: buffers[rank][element]))
    }
  }

  /// Returns the values of the recorded elements on each rank after each round, for the picture.
  func statesByRound() -> [[[Value]]] {
    var now = schedules.map { schedule in
      let values = ScheduleVerifier.initialBuffer(collective, schedule)
      return places.map { values[$0] }
    }
    var byRound = [[Change]](repeating: [], count: measures.steps + 1)
    for change in changes { byRound[change.round].append(change) }
    return byRound.dropFirst().map { changes in
      for change in changes { now[change.rank][change.place] = change.value }
      return now
    }
  }
}
