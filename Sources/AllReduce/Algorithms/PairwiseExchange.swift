/// All-to-all: every rank sends each other rank a block of its own.
///
/// p-1 messages a rank, each block straight to where it belongs, in turn to the next rank, the one after it, and
/// so on: no rank is everyone's first. `MPI_Alltoall`
enum PairwiseExchange {
  static func allToAll(_ plan: inout ScheduleBuilder) {
    let blocks = ExchangedBlocks(count: plan.count, ranks: plan.size)
    for distance in 1..<max(plan.size, 1) {
      let (next, previous) = (
        wrap(plan.rank + distance, plan.size), wrap(plan.rank - distance, plan.size)
      )
      plan.send(blocks.leaving(to: next), to: next)
      plan.receive(blocks.arriving(from: previous), from: previous)
    }
  }
}

/// The buffer of an all-to-all: a block for each rank, then a block from each, all of one size.
///
/// A rank's own block stays among those that leave; elements of the buffer beyond the last whole block stay as they are.
struct ExchangedBlocks {
  /// Elements of a block.
  let length: Int
  private let ranks: Int

  init(count: Int, ranks: Int) {
    self.ranks = ranks
    length = count / (2 * ranks)
  }

  func leaving(to rank: Int) -> Range<Int> { rank * length..<(rank + 1) * length }

  func arriving(from rank: Int) -> Range<Int> { leaving(to: ranks + rank) }
}
