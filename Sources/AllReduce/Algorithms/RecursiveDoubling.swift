/// Recursive doubling: in round k, every rank exchanges its whole partial sum with the rank whose number differs in bit
/// k, and adds the two; after log₂ p rounds, all ranks hold the complete sum.
///
/// It takes the fewest steps, but sends log₂ p times the bytes of the vector: for small vectors. Where p is not a power
/// of two, passive ranks (see ``FoldedRanks``) cost one more step before the rounds and one after.
enum RecursiveDoubling {
  static func allReduce(_ schedule: inout ScheduleBuilder) {
    let ranks = FoldedRanks(rank: schedule.rank, size: schedule.size)
    if ranks.isPassive, let partner = ranks.partner {
      schedule.send(schedule.all, to: partner)
      schedule.receive(schedule.all, from: partner)
      return
    }
    if let partner = ranks.partner { schedule.receiveAndReduce(schedule.all, from: partner) }
    var distance = 1
    while distance < ranks.active {
      let peer = ranks.rank(of: ranks.position ^ distance)
      schedule.exchangeAndReduce(schedule.all, with: peer)
      distance *= 2
    }
    schedule.finish(schedule.all)
    if let partner = ranks.partner { schedule.send(schedule.all, to: partner) }
  }
}
