/// All-gather, then add: every rank sends its whole vector to every other rank, and adds all p vectors itself, in rank
/// order.
///
/// There is one phase, and no rank waits for another's additions: this has the lowest latency where ranks are few, at
/// the cost of p-1 times the bytes and the additions.
enum GatherAndReduce {
  static func allReduce(_ schedule: inout ScheduleBuilder) {
    for part in schedule.segments(of: schedule.all) {
      schedule.round(part)
      // Each rank sends to its right neighbour first, so that the ranks do not all send to one rank at once.
      for distance in 1..<max(schedule.size, 1) {
        schedule.send(part, to: wrap(schedule.rank + distance, schedule.size))
      }
      schedule.reduceInRankOrder(part)
    }
    schedule.finish(schedule.all)
  }
}
