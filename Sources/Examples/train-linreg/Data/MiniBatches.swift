import AllReduce

/// The assignment of a rank's examples to the steps of an epoch.
///
/// An epoch is one random order of all examples of all ranks, cut into batches. A rank finds the
/// places of its own examples alone, so batches do not depend on the number of ranks.
struct MiniBatches {
  /// How many steps an epoch has.
  let count: Int

  private let settings: (total: Int, size: Int, seed: UInt64)
  private let own: Range<Int>
  /// The rank's rows, batch after batch.
  private var rows: [Int]
  /// Where each batch starts in `rows`, and the end.
  private var starts: [Int]

  init(total: Int, size: Int, seed: UInt64, own: Range<Int>) {
    settings = (total, size, seed)
    self.own = own
    count = (total + size - 1) / size
    rows = [Int](repeating: 0, count: own.count)
    starts = [Int](repeating: 0, count: count + 2)
  }

  /// Deals the examples out to the batches of an epoch.
  mutating func deal(epoch: Int) {
    let order = RandomPermutation(
      count: settings.total, seed: settings.seed, stream: UInt64(epoch))
    // A counting sort: how many go to each batch, where each batch starts, then all to their places.
    for batch in starts.indices { starts[batch] = 0 }
    for row in own { starts[order.place(of: row) / settings.size + 2] += 1 }
    for batch in 2..<starts.count { starts[batch] += starts[batch - 1] }
    for row in own {
      let batch = order.place(of: row) / settings.size
      rows[starts[batch + 1]] = row - own.lowerBound
      starts[batch + 1] += 1
    }
  }

  /// The rank's own rows in a batch, counted from its first.
  subscript(batch: Int) -> ArraySlice<Int> {
    rows[starts[batch]..<starts[batch + 1]]
  }

  /// How many examples of all ranks are in a batch; the last may have fewer.
  func size(of batch: Int) -> Int {
    min(settings.size, settings.total - batch * settings.size)
  }
}
