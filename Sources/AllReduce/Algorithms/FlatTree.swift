/// The flat tree: every rank sends its vector to rank 0, which adds the vectors in rank order and sends the sum to all
/// ranks.
///
/// It has two phases and 2(p-1) messages in all, the minimum for an all-reduce, but rank 0 sends half of the messages
/// and receives the other half. For small vectors on few ranks.
enum FlatTree {
  static func allReduce(_ schedule: inout ScheduleBuilder) {
    for part in schedule.segments(of: schedule.all) {
      if schedule.rank == 0 {
        for peer in 1..<max(schedule.size, 1) { schedule.receiveAndReduce(part, from: peer) }
        schedule.finish(part)
        for peer in 1..<max(schedule.size, 1) { schedule.send(part, to: peer) }
      } else {
        schedule.send(part, to: 0)
        schedule.receive(part, from: 0)
      }
    }
  }
}
