/// Reduce-scatter by recursive halving, then all-gather by recursive doubling (Rabenseifner, "Optimization of
/// collective reduction operations", 2004).
///
/// In the reduce-scatter, partners at distance p/2, p/4, ..., 1 exchange halves of the range that they still hold, so
/// that each rank ends with the sum of 1/p of the vector. In the all-gather, the range that a rank holds doubles in
/// every step. Where p is a power of two, a rank sends the same number of bytes as in a ring, in 2 log₂ p steps; where
/// it is not, passive ranks (see ``FoldedRanks``) also send and receive the whole vector.
enum HalvingDoubling {
  static func allReduce(_ plan: inout ScheduleBuilder) {
    let ranks = FoldedRanks(rank: plan.rank, size: plan.size)
    if ranks.isPassive, let partner = ranks.partner {
      plan.send(plan.all, to: partner)
      plan.receive(plan.all, from: partner)
      return
    }
    if let partner = ranks.partner { plan.receiveAndReduce(plan.all, from: partner) }
    let pieces = Pieces(BlockPartition(count: plan.count, parts: ranks.active))
    halve(&plan, ranks, pieces)
    plan.finish(pieces[ranks.position..<ranks.position + 1])
    double(&plan, ranks, pieces)
    if let partner = ranks.partner { plan.send(plan.all, to: partner) }
  }

  static func reduceScatter(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let ranks = FoldedRanks(rank: plan.rank, size: plan.size)
    if ranks.isPassive, let partner = ranks.partner {
      plan.send(plan.all, to: partner)
      plan.receive(blocks[plan.rank], from: partner)
      return
    }
    if let partner = ranks.partner { plan.receiveAndReduce(plan.all, from: partner) }
    let pieces = Pieces(blocks, ranks)
    halve(&plan, ranks, pieces)
    plan.finish(pieces[ranks.position..<ranks.position + 1])
    if let partner = ranks.partner { plan.send(blocks[partner], to: partner) }
  }

  static func allGather(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let ranks = FoldedRanks(rank: plan.rank, size: plan.size)
    if ranks.isPassive, let partner = ranks.partner {
      plan.send(blocks[plan.rank], to: partner)
      plan.receive(plan.all, from: partner)
      return
    }
    if let partner = ranks.partner { plan.receive(blocks[partner], from: partner) }
    double(&plan, ranks, Pieces(blocks, ranks))
    // This sends the partner's own block back to it as well: one message instead of two.
    if let partner = ranks.partner { plan.send(plan.all, to: partner) }
  }

  /// Broadcasts by a scatter down a tree, followed by an all-gather (van de Geijn).
  static func broadcast(_ plan: inout ScheduleBuilder, from root: Int) {
    let blocks = BlockPartition(count: plan.count, parts: plan.size)
    Tree.scatter(&plan, blocks, from: root)
    allGather(&plan, blocks)
  }

  /// Reduces by a reduce-scatter, followed by a gather up a tree.
  static func reduce(_ plan: inout ScheduleBuilder, to root: Int) {
    let blocks = BlockPartition(count: plan.count, parts: plan.size)
    reduceScatter(&plan, blocks)
    Tree.gather(&plan, blocks, to: root)
  }

  private static func halve(
    _ plan: inout ScheduleBuilder, _ ranks: FoldedRanks, _ pieces: Pieces
  ) {
    var held = 0..<ranks.active
    while held.count > 1 {
      let middle = held.lowerBound + held.count / 2
      let lower = held.lowerBound..<middle
      let upper = middle..<held.upperBound
      let keepsLower = ranks.position < middle
      let peer = ranks.rank(of: ranks.position ^ lower.count)
      plan.send(pieces[keepsLower ? upper : lower], to: peer)
      held = keepsLower ? lower : upper
      plan.receiveAndReduce(pieces[held], from: peer)
    }
  }

  private static func double(
    _ plan: inout ScheduleBuilder, _ ranks: FoldedRanks, _ pieces: Pieces
  ) {
    var distance = 1
    while distance < ranks.active {
      let mine = ranks.position & ~(distance - 1)
      let theirs = mine ^ distance
      let peer = ranks.rank(of: ranks.position ^ distance)
      plan.send(pieces[mine..<mine + distance], to: peer)
      plan.receive(pieces[theirs..<theirs + distance], from: peer)
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
