/// Reduce-scatter by recursive halving, then all-gather by recursive doubling (Rabenseifner, "Optimization of
/// collective reduction operations", 2004).
///
/// In the reduce-scatter, partners at distance p/2, p/4, ..., 1 exchange halves of the range that they still hold, so
/// that each rank ends with the sum of 1/p of the vector. In the all-gather, the range that a rank holds doubles in
/// every step. Where p is a power of two, a rank sends the same number of bytes as in a ring, in 2 log₂ p steps; where
/// it is not, passive ranks (see ``FoldedRanks``) also send and receive the whole vector.
enum HalvingDoubling {
  static func allReduce(_ schedule: inout ScheduleBuilder) {
    let ranks = FoldedRanks(rank: schedule.rank, size: schedule.size)
    if ranks.isPassive, let partner = ranks.partner {
      schedule.send(schedule.all, to: partner)
      schedule.receive(schedule.all, from: partner)
      return
    }
    if let partner = ranks.partner { schedule.receiveAndReduce(schedule.all, from: partner) }
    let pieces = Pieces(BlockPartition(count: schedule.count, parts: ranks.active))
    halve(&schedule, ranks, pieces)
    schedule.finish(pieces[ranks.position..<ranks.position + 1])
    double(&schedule, ranks, pieces)
    if let partner = ranks.partner { schedule.send(schedule.all, to: partner) }
  }

  static func reduceScatter(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let ranks = FoldedRanks(rank: schedule.rank, size: schedule.size)
    if ranks.isPassive, let partner = ranks.partner {
      schedule.send(schedule.all, to: partner)
      schedule.receive(blocks[schedule.rank], from: partner)
      return
    }
    if let partner = ranks.partner { schedule.receiveAndReduce(schedule.all, from: partner) }
    let pieces = Pieces(blocks, ranks)
    halve(&schedule, ranks, pieces)
    schedule.finish(pieces[ranks.position..<ranks.position + 1])
    if let partner = ranks.partner { schedule.send(blocks[partner], to: partner) }
  }

  static func allGather(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let ranks = FoldedRanks(rank: schedule.rank, size: schedule.size)
    if ranks.isPassive, let partner = ranks.partner {
      schedule.send(blocks[schedule.rank], to: partner)
      schedule.receive(schedule.all, from: partner)
      return
    }
    if let partner = ranks.partner { schedule.receive(blocks[partner], from: partner) }
    double(&schedule, ranks, Pieces(blocks, ranks))
    // This sends the partner's own block back to it as well: one message instead of two.
    if let partner = ranks.partner { schedule.send(schedule.all, to: partner) }
  }

  /// Broadcasts by a scatter down a tree, followed by an all-gather (van de Geijn).
  static func broadcast(_ schedule: inout ScheduleBuilder, from root: Int) {
    let blocks = BlockPartition(count: schedule.count, parts: schedule.size)
    Tree.scatter(&schedule, blocks, from: root)
    allGather(&schedule, blocks)
  }

  /// Reduces by a reduce-scatter, followed by a gather up a tree.
  static func reduce(_ schedule: inout ScheduleBuilder, to root: Int) {
    let blocks = BlockPartition(count: schedule.count, parts: schedule.size)
    reduceScatter(&schedule, blocks)
    Tree.gather(&schedule, blocks, to: root)
  }

  private static func halve(
    _ schedule: inout ScheduleBuilder, _ ranks: FoldedRanks, _ pieces: Pieces
  ) {
    var held = 0..<ranks.active
    while held.count > 1 {
      let middle = held.lowerBound + held.count / 2
      let lower = held.lowerBound..<middle
      let upper = middle..<held.upperBound
      let keepsLower = ranks.position < middle
      let peer = ranks.rank(of: ranks.position ^ lower.count)
      schedule.send(pieces[keepsLower ? upper : lower], to: peer)
      held = keepsLower ? lower : upper
      schedule.receiveAndReduce(pieces[held], from: peer)
    }
  }

  private static func double(
    _ schedule: inout ScheduleBuilder, _ ranks: FoldedRanks, _ pieces: Pieces
  ) {
    var distance = 1
    while distance < ranks.active {
      let mine = ranks.position & ~(distance - 1)
      let theirs = mine ^ distance
      let peer = ranks.rank(of: ranks.position ^ distance)
      schedule.send(pieces[mine..<mine + distance], to: peer)
      schedule.receive(pieces[theirs..<theirs + distance], from: peer)
      distance *= 2
    }
  }

  /// The ranges of the vector that the active ranks hold after the reduce-scatter: contiguous, in the order of their
  /// positions.
  private struct Pieces {
    private let starts: [Int]

    /// Assigns one block to each active rank.
    init(_ blocks: BlockPartition) {
      starts = (0...blocks.parts).map { blocks.start(of: $0) }
    }

    /// Assigns the blocks of all p ranks to the active ranks: an active rank also gets the block of its passive
    /// partner.
    init(_ blocks: BlockPartition, _ ranks: FoldedRanks) {
      starts =
        (0..<ranks.active).map { blocks.start(of: ranks.rank(of: $0)) } + [blocks.total]
    }

    subscript(positions: Range<Int>) -> Range<Int> {
      starts[positions.lowerBound]..<starts[positions.upperBound]
    }
  }
}
