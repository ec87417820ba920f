extension ScheduleVerifier {
  /// Returns the values on each rank before the first round: `[rank][element]`.
  package static func initialStates(
    _ collective: Collective, _ schedules: [Schedule]
  ) -> [[Value]] {
    schedules.map { initialBuffer(collective, $0) }
  }

  /// Returns the values on a rank at the start; those that are not part of the input contain no rank's contribution.
  static func initialBuffer(_ collective: Collective, _ schedule: Schedule) -> [Value] {
    let blocks = BlockPartition(count: schedule.count, parts: schedule.size)
    let exchanged = ExchangedBlocks(count: schedule.count, ranks: schedule.size)
    return (0..<schedule.count).map { element in
      let isInput =
        switch collective {
        case .allReduce, .reduceScatter, .reduce: true
        case .allGather: blocks[schedule.rank].contains(element)
        case .allToAll: element < exchanged.arriving(from: 0).lowerBound
        case .broadcast(let root): schedule.rank == root
        }
      return Value(
        ranks: isInput ? 1 << UInt64(schedule.rank) : 0,
        expression: initialExpression(schedule.rank, element), isFinished: false)
    }
  }

  private static func initialExpression(_ rank: Int, _ element: Int) -> UInt64 {
    mix(UInt64(rank) &+ 1, UInt64(element) &+ 1)
  }

  func combine(
    _ mine: Value, _ theirs: Value, _ rank: Int, _ element: Int
  ) throws(Failure) -> Value {
    guard mine.ranks & theirs.ranks == 0 else {
      throw Failure(description: "rank \(rank) adds a contribution twice to element \(element)")
    }
    guard mine.ranks != 0, theirs.ranks != 0, !mine.isFinished, !theirs.isFinished else {
      throw Failure(description: "rank \(rank) adds something that is not a partial result")
    }
    let (low, high) = (
      min(mine.expression, theirs.expression), max(mine.expression, theirs.expression)
    )
    return Value(
      ranks: mine.ranks | theirs.ranks, expression: ScheduleVerifier.mix(low, high),
      isFinished: false, roundings: max(mine.roundings, theirs.roundings))
  }

  func isComplete(_ value: Value) -> Bool {
    value.ranks == (schedules.count == 64 ? ~0 : (1 << UInt64(schedules.count)) - 1)
  }

  /// Checks the values that all ranks end with; returns the largest number of roundings of any contribution to a
  /// result.
  func checkOutcome() throws(Failure) -> Int {
    guard let first = schedules.first else { return 0 }
    var roundings = 0
    let blocks = BlockPartition(count: first.count, parts: first.size)
    for (rank, buffer) in buffers.enumerated() {
      for (element, value) in buffer.enumerated() {
        let owner = blocks.firstIndex { $0.contains(element) } ?? 0
        let isRight =
          switch collective {
          case .allReduce:
            isComplete(value) && value.isFinished && value == buffers[0][element]
              && value.isRounded == (first.wireFormat != .full && first.size > 1)
          case .reduceScatter: rank != owner || (isComplete(value) && value.isFinished)
          case .reduce(let root): rank != root || (isComplete(value) && value.isFinished)
          case .allGather: value.ranks == 1 << UInt64(owner) && value == buffers[owner][element]
          case .allToAll: hasArrived(value, at: element, rank)
          case .broadcast(let root):
            value.ranks == 1 << UInt64(root) && value == buffers[root][element]
          }
        guard isRight else {
          throw Failure(
            description: "\(collective): rank \(rank) ends with a wrong element \(element)")
        }
        if isResult(element, of: rank, owner) { roundings = max(roundings, value.roundings) }
      }
    }
    return roundings
  }

  /// Returns whether an element of an all-to-all holds what the sending rank sent; true also if it is not part of the
  /// result.
  private func hasArrived(_ value: Value, at element: Int, _ rank: Int) -> Bool {
    let blocks = ExchangedBlocks(count: schedules[0].count, ranks: schedules.count)
    let place = element - blocks.arriving(from: 0).lowerBound
    guard place >= 0, blocks.length > 0, place / blocks.length < schedules.count else {
      return true
    }
    let (from, offset) = place.quotientAndRemainder(dividingBy: blocks.length)
    let sent = blocks.leaving(to: rank).lowerBound + offset
    return from == rank
      || value.expression == ScheduleVerifier.initialExpression(from, sent)
  }

  /// Returns whether an element of a rank is part of the result.
  private func isResult(_ element: Int, of rank: Int, _ owner: Int) -> Bool {
    switch collective {
    case .allReduce, .allGather, .broadcast, .allToAll: true
    case .reduceScatter: rank == owner
    case .reduce(let root): rank == root
    }
  }

  /// Hashes two words into one (the finaliser of SplitMix64).
  static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    var z = a &* 0x9E37_79B9_7F4A_7C15 &+ b &* 0xD1B5_4A32_D192_ED03 &+ 0x1234_5678_9ABC_DEF1
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
