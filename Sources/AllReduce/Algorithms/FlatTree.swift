/// The flat tree: every rank sends its vector to rank 0, which adds the vectors in rank order and sends the sum to all
/// ranks.
///
/// It has two phases and 2(p-1) messages in all, the minimum for an all-reduce, but rank 0 sends half of the messages
/// and receives the other half. For small vectors on few ranks.
enum FlatTree {
  static func allReduce(_ plan: inout ScheduleBuilder) {
    for part in plan.segments(of: plan.all) {
      if plan.rank == 0 {
        for peer in 1..<max(plan.size, 1) { plan.receiveAndReduce(part, from: peer) }
        plan.finish(part)
        for peer in 1..<max(plan.size, 1) { plan.send(part, to: peer) }
      } else {
        plan.send(part, to: 0)
        plan.receive(part, from: 0)
      }
    }
  }
}
