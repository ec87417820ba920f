/// All-gather, then add: every rank sends its whole vector to every other, and each adds up all of
/// them in rank order.
///
/// One phase, and no rank waits for another's addition: the lowest latency where ranks are few, for
/// p-1 times the bytes and additions.
enum GatherAndReduce {
  static func allReduce(_ plan: inout ScheduleBuilder) {
    for part in plan.segments(of: plan.all) {
      plan.round(part)
      // Each begins with its right neighbour, so that no rank is everyone's first.
      for distance in 1..<max(plan.size, 1) {
        plan.send(part, to: wrap(plan.rank + distance, plan.size))
      }
      plan.reduceInRankOrder(part)
    }
    plan.finish(plan.all)
  }
}
