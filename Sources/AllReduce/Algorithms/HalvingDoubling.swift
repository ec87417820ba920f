/// Reduce-scatter by recursive halving, then all-gather by recursive doubling (Rabenseifner,
/// "Optimization of collective reduction operations", 2004).
///
/// In the first, partners at distance p/2, p/4, ..., 1 exchange the halves of what they still hold,
/// so that each ends with one complete p-th; in the second the pieces double again. The bytes of the
/// ring in 2 log₂ p steps, where p is a power of two; passive ranks (see ``FoldedRanks``) send and
/// also receive the whole vector.
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
    // The partner's own block goes back too: one message instead of two.
    if let partner = ranks.partner { plan.send(plan.all, to: partner) }
  }

  /// A scatter down a tree, then an all-gather (van de Geijn).
  static func broadcast(_ plan: inout ScheduleBuilder, from root: Int) {
    let blocks = BlockPartition(count: plan.count, parts: plan.size)
    Tree.scatter(&plan, blocks, from: root)
    allGather(&plan, blocks)
  }

  /// A reduce-scatter, then a gather up a tree.
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

  /// The part of the vector that each active rank ends up with, as neighbouring ranges.
  private struct Pieces {
    private let starts: [Int]

    /// One block an active rank.
    init(_ blocks: BlockPartition) {
      starts = (0...blocks.parts).map { blocks.start(of: $0) }
    }

    /// Blocks of all ranks; an active rank takes its passive partner's too.
    init(_ blocks: BlockPartition, _ ranks: FoldedRanks) {
      starts =
        (0..<ranks.active).map { blocks.start(of: ranks.rank(of: $0)) } + [blocks.total]
    }

    subscript(positions: Range<Int>) -> Range<Int> {
      starts[positions.lowerBound]..<starts[positions.upperBound]
    }
  }
}
