import AllReduce

/// The mini-batches of an epoch: assigns each of a rank's examples to a step.
///
/// An epoch is one random order of the examples of all ranks, cut into batches. A rank finds the places of its own
/// examples without communication; the batches do not depend on the number of ranks.
struct MiniBatches {
  /// The number of steps in an epoch.
  let count: Int

  private let settings: (total: Int, size: Int, seed: UInt64)
  private let own: Range<Int>
  /// The rank's rows in the order of their batches.
  private var rows: [Int]
  /// The index in `rows` at which each batch starts, and the end of the last batch.
  private var starts: [Int]

  init(total: Int, size: Int, seed: UInt64, own: Range<Int>) {
    settings = (total, size, seed)
    self.own = own
    count = (total + size - 1) / size
    rows = [Int](repeating: 0, count: own.count)
    starts = [Int](repeating: 0, count: count + 2)
  }

  /// Assigns the rank's examples to the batches of an epoch.
  mutating func deal(epoch: Int) {
    let order = RandomPermutation(
      count: settings.total, seed: settings.seed, stream: UInt64(epoch))
    // A counting sort: counts the rows of each batch, finds where each batch starts, then puts the rows there.
    for batch in starts.indices { starts[batch] = 0 }
    for row in own { starts[order.place(of: row) / settings.size + 2] += 1 }
    for batch in 2..<starts.count { starts[batch] += starts[batch - 1] }
    for row in own {
      let batch = order.place(of: row) / settings.size
      rows[starts[batch + 1]] = row - own.lowerBound
      starts[batch + 1] += 1
    }
  }

  /// The rank's rows in a batch, numbered from the rank's first row.
  subscript(batch: Int) -> ArraySlice<Int> {
    rows[starts[batch]..<starts[batch + 1]]
  }

  /// Returns the number of examples in a batch, over all ranks; the last batch may have fewer than the others.
  func size(of batch: Int) -> Int {
    min(settings.size, settings.total - batch * settings.size)
  }
}
