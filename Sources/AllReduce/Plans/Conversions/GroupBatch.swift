package import AllReduceMPI
internal import AllReduceNN

/// The examples of each rank of a model group in the present batch, which conversions use.
///
/// The group's examples are those of its ranks, in rank order. After the largest batch nothing is allocated.
package final class GroupBatch {
  /// The ranks.
  let communicator: Communicator
  /// Counts the seconds of what the group exchanges.
  let clock: ExchangeClock
  /// How many examples each rank has.
  private(set) var counts: [Int]
  /// All of them.
  private(set) var all: ExampleTurn
  /// The examples' numbers in the data set, of all ranks; empty where they count from 0.
  package private(set) var numbers: [Int] = []
  /// This rank's.
  package private(set) var ownNumbers: [Int] = []
  /// The classes of all, where ranks told each other theirs; 0 where there are none.
  package private(set) var labels: [Int32] = []
  /// Whether gradients are added to those of earlier parts of the batch.
  var accumulates = false
  /// The group's examples that are computed now; nil for all.
  private(set) var turn: ExampleTurn?
  private var turnNumbers: [Int] = []
  /// The classes of the turn's examples.
  private(set) var turnLabels: [Int32] = []

  private var ownLabels: [Int32] = []
  private var starts: [Int]
  /// A block a rank: how many examples it has, then a word for each.
  private var words: Arena<Int64>?

  package init(over communicator: Communicator, _ clock: ExchangeClock = ExchangeClock()) {
    self.communicator = communicator
    self.clock = clock
    counts = Array(repeating: 0, count: communicator.size)
    starts = counts
    all = ExampleTurn(counts.map { 0..<$0 })
  }

  /// The group's examples.
  package var count: Int { all.count }
  /// The examples of this rank, counted within the group's.
  package var own: Range<Int> { rows(of: communicator.rank) }

  /// The examples of a rank, counted within the group's.
  func rows(of rank: Int) -> Range<Int> { starts[rank]..<starts[rank] + counts[rank] }

  /// Tells a pass which examples the next layer has: this rank's own, or the group's of this turn.
  ///
  /// A layer without examples adds nothing to gradients that are zero, whatever it makes of them.
  func enter(isOwn: Bool, _ pass: Pass<some Any>) {
    pass.examples = isOwn ? ownNumbers : turn == nil ? numbers : turnNumbers
    let rows = isOwn ? counts[communicator.rank] : turn?.count ?? count
    pass.accumulatesGradients = accumulates || rows == 0
  }

  // MARK: A batch

  /// All ranks have all examples: each takes an equal block as its own. Not collective.
  package func share(_ rows: Int, _ numbers: [Int]) {
    let blocks = BlockPartition(count: rows, parts: communicator.size)
    setCounts { blocks[$0].count }
    self.numbers = numbers
    ownNumbers.removeAll(keepingCapacity: true)
    if !numbers.isEmpty { ownNumbers.append(contentsOf: numbers[own]) }
    labels.removeAll(keepingCapacity: true)
  }

  /// Keeps this rank's examples alone, where no layer needs those of other ranks. Not collective.
  func keep(_ rows: Int, _ numbers: [Int]) {
    setCounts { $0 == communicator.rank ? rows : 0 }
    ownNumbers = numbers
  }

  /// Each rank has examples of its own, and sends the others their numbers and classes. Collective; one word an
  /// example, and once more where a batch is larger than any before.
  ///
  /// - Parameters:
  ///   - rows: This rank's examples.
  ///   - classes: One an example; empty for targets other than classes.
  ///   - numbers: The examples' numbers; empty to count from 0.
  /// - Throws: ``MPIError``.
  package func gather(
    _ rows: Int, classes: some RandomAccessCollection<Int32>, _ numbers: [Int]
  ) throws {
    precondition(
      classes.isEmpty || classes.count == rows,
      "\(classes.count) classes are not those of \(rows) examples")
    let size = communicator.size
    var room = max((words?.count ?? size) / size - 1, 0)
    while true {
      let block = 1 + room
      if words.map({ $0.count < size * block }) ?? true {
        words = nil
        words = try Arena(count: size * block, over: communicator)
      }
      guard let words else { return }
      let own = communicator.rank * block
      words[own] = Int64(rows)
      if rows <= room {
        // Numbers of examples stay below 2^36, classes within 27 bits.
        for row in 0..<rows { words[own + 1 + row] = Int64(numbers.isEmpty ? row : numbers[row]) }
        for (row, label) in classes.enumerated() { words[own + 1 + row] |= Int64(label) << 36 }
      }
      try communicator.start(.allGather, words.all, .sum).wait()
      setCounts { Int(words[$0 * block]) }
      if all.most <= room { return take(words, block) }
      room = all.most
    }
  }

  private func take(_ words: Arena<Int64>, _ block: Int) {
    numbers.removeAll(keepingCapacity: true)
    labels.removeAll(keepingCapacity: true)
    for (owner, count) in counts.enumerated() {
      for place in owner * block + 1..<owner * block + 1 + count {
        numbers.append(Int(words[place] & (1 << 36 - 1)))
        labels.append(Int32(words[place] >> 36))
      }
    }
    ownNumbers.removeAll(keepingCapacity: true)
    ownNumbers.append(contentsOf: numbers[own])
  }

  /// This rank's classes, out of those of all examples.
  func own(of classes: [Int32]) -> [Int32] {
    ownLabels.removeAll(keepingCapacity: true)
    ownLabels.append(contentsOf: classes[own])
    return ownLabels
  }

  private func setCounts(_ count: (Int) -> Int) {
    var (start, isNew) = (0, false)
    for rank in counts.indices {
      let count = count(rank)
      if counts[rank] != count { isNew = true }
      (counts[rank], starts[rank]) = (count, start)
      start += count
    }
    if isNew { all = ExampleTurn(counts.map { 0..<$0 }) }
    turn = nil
  }

  // MARK: A turn

  /// Continues with some of the group's examples; nil for all.
  func enter(_ turn: ExampleTurn?, _ pass: Pass<some Any>) {
    self.turn = turn
    // Not shared with the pass, as the numbers are changed in place.
    pass.examples = []
    guard let turn else { return }
    turnNumbers.removeAll(keepingCapacity: true)
    turnLabels.removeAll(keepingCapacity: true)
    for (owner, rows) in turn.rows.enumerated() {
      let rows = starts[owner] + rows.lowerBound..<starts[owner] + rows.upperBound
      if !numbers.isEmpty { turnNumbers.append(contentsOf: numbers[rows]) }
      if !labels.isEmpty { turnLabels.append(contentsOf: labels[rows]) }
    }
  }
}
