package import AllReduceMPI
internal import AllReduceNN

/// Which examples of the current batch each rank of a model group has, as conversions need to know.
///
/// The group's examples are the ranks' examples in rank order. Once the largest batch has been seen, nothing is
/// allocated.
package final class GroupBatch {
  /// The ranks of the model group.
  let communicator: Communicator
  /// Counts the seconds of the group's exchanges.
  let clock: ExchangeClock
  /// The number of examples of each rank.
  private(set) var counts: [Int]
  /// All examples of the group, as one turn.
  private(set) var all: ExampleTurn
  /// The numbers in the data set of the group's examples; empty where examples are numbered from 0.
  package private(set) var numbers: [Int] = []
  /// The numbers in the data set of this rank's examples; empty where examples are numbered from 0.
  package private(set) var ownNumbers: [Int] = []
  /// The classes of the group's examples, if ``gather(_:classes:_:)`` exchanged them; 0 for targets other than classes.
  package private(set) var labels: [Int32] = []
  /// Whether gradients are added to the gradients of earlier parts of the batch.
  var accumulates = false
  /// The turn (a part of the group's examples) that is being computed; nil for all examples at once.
  private(set) var turn: ExampleTurn?
  private var turnNumbers: [Int] = []
  /// The classes of the current turn's examples.
  private(set) var turnLabels: [Int32] = []

  private var ownLabels: [Int32] = []
  private var starts: [Int]
  /// One block per rank: the number of its examples, then one word per example.
  private var words: Arena<Int64>?

  package init(over communicator: Communicator, _ clock: ExchangeClock = ExchangeClock()) {
    self.communicator = communicator
    self.clock = clock
    counts = Array(repeating: 0, count: communicator.size)
    starts = counts
    all = ExampleTurn(counts.map { 0..<$0 })
  }

  /// The number of the group's examples.
  package var count: Int { all.count }
  /// The range of this rank's examples within the group's.
  package var own: Range<Int> { rows(of: communicator.rank) }

  /// Returns the range of a rank's examples within the group's.
  func rows(of rank: Int) -> Range<Int> { starts[rank]..<starts[rank] + counts[rank] }

  /// Tells a pass which examples the next layer computes: this rank's own, or the group's in the current turn.
  ///
  /// If the layer has no examples, the pass accumulates gradients, so that gradients that are zero stay zero.
  func enter(isOwn: Bool, _ pass: Pass<some Any>) {
    pass.examples = isOwn ? ownNumbers : turn == nil ? numbers : turnNumbers
    let rows = isOwn ? counts[communicator.rank] : turn?.count ?? count
    pass.accumulatesGradients = accumulates || rows == 0
  }

  // MARK: A batch

  /// Sets a batch of which every rank has all examples; each takes an equal block as its own. Not collective.
  package func share(_ rows: Int, _ numbers: [Int]) {
    let blocks = BlockPartition(count: rows, parts: communicator.size)
    setCounts { blocks[$0].count }
    self.numbers = numbers
    ownNumbers.removeAll(keepingCapacity: true)
    if !numbers.isEmpty { ownNumbers.append(contentsOf: numbers[own]) }
    labels.removeAll(keepingCapacity: true)
  }

  /// Sets a batch of only this rank's examples, where no layer needs the examples of other ranks. Not collective.
  func keep(_ rows: Int, _ numbers: [Int]) {
    setCounts { $0 == communicator.rank ? rows : 0 }
    ownNumbers = numbers
  }

  /// Sets a batch in which each rank has its own examples, and all-gathers their numbers and classes. Collective. One
  /// word per example is exchanged, a second time if the batch is larger than any before.
  ///
  /// - Parameters:
  ///   - rows: The number of this rank's examples.
  ///   - classes: The class of each example; empty for targets other than classes.
  ///   - numbers: The examples' numbers in the data set; empty to number them from 0.
  /// - Throws: ``MPIError``.
  package func gather(
    _ rows: Int, classes: some RandomAccessCollection<Int32>, _ numbers: [Int]
  ) throws {
    precondition(
      classes.isEmpty || classes.count == rows,
      "there must be a class for each of \(rows) examples, not \(classes.count)")
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

  /// Returns the classes of this rank's examples, from the classes of all the group's examples.
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

  /// Sets the turn (a part of the group's examples) that the next layers compute; nil for all examples.
  func enter(_ turn: ExampleTurn?, _ pass: Pass<some Any>) {
    self.turn = turn
    // The pass must not share the array below, or changing it in place would copy it.
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
