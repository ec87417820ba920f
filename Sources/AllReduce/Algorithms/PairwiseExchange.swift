/// All-to-all: every rank sends a different block to each other rank.
///
/// A rank sends p-1 messages, each directly to the block's destination: first to the next rank, then to the one after
/// it, and so on, so that the ranks do not all send to one rank at once. `MPI_Alltoall`
enum PairwiseExchange {
  static func allToAll(_ schedule: inout ScheduleBuilder) {
    let blocks = ExchangedBlocks(count: schedule.count, ranks: schedule.size)
    for distance in 1..<max(schedule.size, 1) {
      let (next, previous) = (
        wrap(schedule.rank + distance, schedule.size), wrap(schedule.rank - distance, schedule.size)
      )
      schedule.send(blocks.leaving(to: next), to: next)
      schedule.receive(blocks.arriving(from: previous), from: previous)
    }
  }
}

/// The layout of the buffer of an all-to-all: a block to send to each rank, then a block received from each rank, all
/// of one size.
///
/// A rank's block for itself is not copied: it stays among the blocks to send. Elements after the last whole block do
/// not change.
struct ExchangedBlocks {
  /// The number of elements in a block.
  let length: Int
  private let ranks: Int

  init(count: Int, ranks: Int) {
    self.ranks = ranks
    length = count / (2 * ranks)
  }

  func leaving(to rank: Int) -> Range<Int> { rank * length..<(rank + 1) * length }

  func arriving(from rank: Int) -> Range<Int> { leaving(to: ranks + rank) }
}
