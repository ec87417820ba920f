package import AllReduceMPI
internal import AllReduceNN

/// Which examples the ranks of a model group have in the present batch: what conversions go by.
///
/// The group's examples are those of its ranks, in rank order.
package final class GroupBatch {
  /// The ranks.
  let communicator: Communicator
  /// How many examples each rank has.
  private(set) var counts: [Int]
  /// The examples' numbers in the data set, of all ranks; empty where they count from 0.
  package private(set) var numbers: [Int] = []
  /// This rank's.
  package private(set) var ownNumbers: [Int] = []
  /// The classes of all, where ranks told each other theirs.
  package private(set) var labels: [Int32] = []
  private var starts: [Int]
  /// Whether gradients are added to those of earlier parts of the batch.
  var accumulates = false
  /// What of the group's examples is computed now; nil for all.
  var turn: ExampleTurn? {
    didSet { turnNumbers = turn.map { pick(numbers, $0) } ?? [] }
  }
  private var turnNumbers: [Int] = []

  package init(over communicator: Communicator) {
    self.communicator = communicator
    counts = Array(repeating: 0, count: communicator.size)
    starts = counts
  }

  /// The group's examples.
  package var count: Int { (starts.last ?? 0) + (counts.last ?? 0) }
  /// Those of this rank, counted within the group's.
  package var own: Range<Int> { rows(of: communicator.rank) }

  /// Those of a rank, counted within the group's.
  func rows(of rank: Int) -> Range<Int> { starts[rank]..<starts[rank] + counts[rank] }

  /// Tells a pass which examples the next layer has: this rank's own, or the group's of this turn.
  ///
  /// A layer without examples adds nothing to gradients that are zero, whatever it makes of them.
  func enter(isOwn: Bool, _ pass: Pass<some Any>) {
    pass.examples = isOwn ? ownNumbers : turn == nil ? numbers : turnNumbers
    let rows = isOwn ? counts[communicator.rank] : turn?.count ?? count
    pass.accumulatesGradients = accumulates || rows == 0
  }

  /// All ranks have all examples: each takes an equal block as its own. Not collective.
  package func share(_ rows: Int, _ numbers: [Int]) {
    setCounts(BlockPartition(count: rows, parts: communicator.size).counts)
    self.numbers = numbers
    ownNumbers = numbers.isEmpty ? [] : Array(numbers[own])
    labels = []
  }

  /// Keeps this rank's examples alone, where no layer needs those of other ranks. Not collective.
  func keep(_ rows: Int, _ numbers: [Int]) {
    for rank in counts.indices {
      counts[rank] = rank == communicator.rank ? rows : 0
      starts[rank] = rank > communicator.rank ? rows : 0
    }
    ownNumbers = numbers
  }

  /// Each rank has examples of its own, and tells the others how many. Collective.
  package func gather(_ rows: Int) throws {
    setCounts(try communicator.allGatherNatively(rows))
    (numbers, ownNumbers, labels) = ([], [], [])
  }

  /// Each rank has examples of its own, and tells the others their numbers and classes. Collective; one
  /// number an example.
  ///
  /// - Parameters:
  ///   - own: The classes of this rank's examples; empty for targets that are no classes.
  ///   - numbers: The examples' numbers.
  /// - Throws: ``MPIError``.
  package func gather(_ own: some Collection<Int32>, _ numbers: [Int]) throws {
    precondition(
      own.isEmpty || own.count == numbers.count,
      "\(own.count) classes are not those of \(numbers.count) examples")
    // Numbers of examples stay below 2^36, classes within 27 bits.
    var packed = [Int64(numbers.count)]
    if own.isEmpty {
      packed += numbers.map { Int64($0) }
    } else {
      packed += zip(own, numbers).map { Int64($0) << 36 | Int64($1) }
    }
    let all = try communicator.allGather(packed)
    var (counts, labels, found): ([Int], [Int32], [Int]) = ([], [], [])
    var place = 0
    while place < all.count {
      let count = Int(all[place])
      counts.append(count)
      for word in all[place + 1..<place + 1 + count] {
        labels.append(Int32(word >> 36))
        found.append(Int(word & (1 << 36 - 1)))
      }
      place += 1 + count
    }
    setCounts(counts)
    (self.numbers, self.labels) = (found, labels)
    ownNumbers = numbers
  }

  private func setCounts(_ counts: [Int]) {
    self.counts = counts
    var start = 0
    for (rank, count) in counts.enumerated() {
      starts[rank] = start
      start += count
    }
  }

  /// The classes of a turn's examples.
  func labels(of turn: ExampleTurn) -> [Int32] { pick(labels, turn) }

  private func pick<Value>(_ values: [Value], _ turn: ExampleTurn) -> [Value] {
    turn.rows.enumerated().flatMap { owner, rows in
      values[starts[owner] + rows.lowerBound..<starts[owner] + rows.upperBound]
    }
  }
}
