/// The ring: every rank sends to its right neighbour and receives from its left neighbour.
///
/// An all-reduce is a reduce-scatter followed by an all-gather. The vector is cut into p blocks. In each step of the
/// reduce-scatter, every rank sends one block to the right, and the receiver adds its own values to it; after p-1
/// steps, rank r holds the sum of block r. In the all-gather, the complete blocks are passed around the ring once more.
/// A rank sends 2(p-1)/p of the vector, the minimum that is possible (Patarasuk and Yuan, "Bandwidth optimal all-reduce
/// algorithms for clusters of workstations", 2009), in 2(p-1) steps.
enum Ring {
  static func allReduce(_ schedule: inout ScheduleBuilder) {
    let blocks = BlockPartition(count: schedule.count, parts: schedule.size)
    reduceScatter(&schedule, blocks)
    allGather(&schedule, blocks)
  }

  static func reduceScatter(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let (left, right) = neighbours(of: schedule)
    for step in 0..<schedule.size - 1 {
      schedule.send(blocks[wrap(schedule.rank - 1 - step, schedule.size)], to: right)
      schedule.receiveAndReduce(blocks[wrap(schedule.rank - 2 - step, schedule.size)], from: left)
    }
    schedule.finish(blocks[schedule.rank])
  }

  static func allGather(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let (left, right) = neighbours(of: schedule)
    for step in 0..<schedule.size - 1 {
      schedule.send(blocks[wrap(schedule.rank - step, schedule.size)], to: right)
      schedule.receive(blocks[wrap(schedule.rank - 1 - step, schedule.size)], from: left)
    }
  }

  /// Passes the vector around the ring once, from the root to the root's left neighbour.
  static func broadcast(_ schedule: inout ScheduleBuilder, from root: Int) {
    let (left, right) = neighbours(of: schedule)
    if schedule.rank != root { schedule.receive(schedule.all, from: left) }
    if right != root { schedule.send(schedule.all, to: right) }
  }

  /// Passes the vector around the ring once, from the root's right neighbour to the root; each rank adds its own
  /// values.
  static func reduce(_ schedule: inout ScheduleBuilder, to root: Int) {
    let (left, right) = neighbours(of: schedule)
    if left != root { schedule.receiveAndReduce(schedule.all, from: left) }
    if schedule.rank != root {
      schedule.send(schedule.all, to: right)
    } else {
      schedule.finish(schedule.all)
    }
  }

  private static func neighbours(of schedule: ScheduleBuilder) -> (left: Int, right: Int) {
    (wrap(schedule.rank - 1, schedule.size), wrap(schedule.rank + 1, schedule.size))
  }
}

/// Returns `index` modulo `size`, in 0..<size also where `index` is negative.
func wrap(_ index: Int, _ size: Int) -> Int {
  let remainder = index % size
  return remainder < 0 ? remainder + size : remainder
}
