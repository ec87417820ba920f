/// The ring: every rank sends to its right neighbour and receives from its left neighbour.
///
/// An all-reduce is a reduce-scatter followed by an all-gather. The vector is cut into p blocks. In each step of the
/// reduce-scatter, every rank sends one block to the right, and the receiver adds its own values to it; after p-1
/// steps, rank r holds the sum of block r. In the all-gather, the complete blocks are passed around the ring once more.
/// A rank sends 2(p-1)/p of the vector, the minimum that is possible (Patarasuk and Yuan, "Bandwidth optimal all-reduce
/// algorithms for clusters of workstations", 2009), in 2(p-1) steps.
enum Ring {
  static func allReduce(_ plan: inout ScheduleBuilder) {
    let blocks = BlockPartition(count: plan.count, parts: plan.size)
    reduceScatter(&plan, blocks)
    allGather(&plan, blocks)
  }

  static func reduceScatter(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let (left, right) = neighbours(of: plan)
    for step in 0..<plan.size - 1 {
      plan.send(blocks[wrap(plan.rank - 1 - step, plan.size)], to: right)
      plan.receiveAndReduce(blocks[wrap(plan.rank - 2 - step, plan.size)], from: left)
    }
    plan.finish(blocks[plan.rank])
  }

  static func allGather(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition) {
    let (left, right) = neighbours(of: plan)
    for step in 0..<plan.size - 1 {
      plan.send(blocks[wrap(plan.rank - step, plan.size)], to: right)
      plan.receive(blocks[wrap(plan.rank - 1 - step, plan.size)], from: left)
    }
  }

  /// Passes the vector around the ring once, from the root to the root's left neighbour.
  static func broadcast(_ plan: inout ScheduleBuilder, from root: Int) {
    let (left, right) = neighbours(of: plan)
    if plan.rank != root { plan.receive(plan.all, from: left) }
    if right != root { plan.send(plan.all, to: right) }
  }

  /// Passes the vector around the ring once, from the root's right neighbour to the root; each rank adds its own
  /// values.
  static func reduce(_ plan: inout ScheduleBuilder, to root: Int) {
    let (left, right) = neighbours(of: plan)
    if left != root { plan.receiveAndReduce(plan.all, from: left) }
    if plan.rank != root {
      plan.send(plan.all, to: right)
    } else {
      plan.finish(plan.all)
    }
  }

  private static func neighbours(of plan: ScheduleBuilder) -> (left: Int, right: Int) {
    (wrap(plan.rank - 1, plan.size), wrap(plan.rank + 1, plan.size))
  }
}

/// Returns `index` modulo `size`, in 0..<size also where `index` is negative.
func wrap(_ index: Int, _ size: Int) -> Int {
  let remainder = index % size
  return remainder < 0 ? remainder + size : remainder
}
