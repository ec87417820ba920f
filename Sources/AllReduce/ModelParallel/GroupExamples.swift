internal import AllReduceMPI

/// Whose examples are which, and their classes: what all ranks of a group know before a transition.
struct GroupExamples {
  /// How many examples each rank has.
  let counts: [Int]
  /// The classes of all, in rank order.
  let labels: [Int32]
  private let numbers: [Int]
  private let starts: [Int]

  /// Tells all ranks of the others' examples. Collective; one number an example.
  init(
    _ own: [Int32], _ numbers: [Int], over communicator: Communicator
  ) throws {
    precondition(
      own.count == numbers.count, "\(own.count) classes are not those of \(numbers.count) examples")
    // Numbers of examples stay below 2^36, classes within 27 bits.
    let packed = zip(own, numbers).map { Int64($0) << 36 | Int64($1) }
    let all = try communicator.allGather([Int64(own.count)] + packed)
    var (counts, labels, found, starts): ([Int], [Int32], [Int], [Int]) = ([], [], [], [])
    var place = 0
    while place < all.count {
      let count = Int(all[place])
      starts.append(labels.count)
      counts.append(count)
      for word in all[place + 1..<place + 1 + count] {
        labels.append(Int32(word >> 36))
        found.append(Int(word & (1 << 36 - 1)))
      }
      place += 1 + count
    }
    (self.counts, self.labels, self.numbers, self.starts) = (counts, labels, found, starts)
  }

  /// The classes of a turn's examples.
  func labels(of turn: TransitionTurn) -> [Int32] { pick(labels, turn) }

  /// The numbers of a turn's examples.
  func examples(of turn: TransitionTurn) -> [Int] { pick(numbers, turn) }

  private func pick<Value>(_ values: [Value], _ turn: TransitionTurn) -> [Value] {
    turn.rows.enumerated().flatMap { owner, rows in
      values[starts[owner] + rows.lowerBound..<starts[owner] + rows.upperBound]
    }
  }
}
