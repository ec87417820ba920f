/// The binomial tree.
///
/// Positions are ranks relative to the root, which has position 0. In round k of a reduction, every position whose
/// lowest set bit is bit k sends its partial sum to the position without that bit, and is done; after ⌈log₂ p⌉ rounds,
/// the root holds the complete sum. A broadcast runs the rounds in reverse. Large vectors are sent up and down in
/// segments, so that all levels of the tree work at once.
enum Tree {
  static func allReduce(_ schedule: inout ScheduleBuilder) {
    reduce(&schedule, to: 0)
    broadcast(&schedule, from: 0)
  }

  static func reduce(_ schedule: inout ScheduleBuilder, to root: Int) {
    let node = Node(schedule, root)
    for child in node.children {
      schedule.receiveAndReduce(schedule.all, from: node.rank(of: child))
    }
    if let parent = node.parent {
      schedule.send(schedule.all, to: node.rank(of: parent))
    } else {
      schedule.finish(schedule.all)
    }
  }

  static func broadcast(_ schedule: inout ScheduleBuilder, from root: Int) {
    let node = Node(schedule, root)
    if let parent = node.parent { schedule.receive(schedule.all, from: node.rank(of: parent)) }
    for child in node.children.reversed() { schedule.send(schedule.all, to: node.rank(of: child)) }
  }

  /// Gathers the block of every rank on the root; a rank also forwards the blocks of all ranks below it in the tree.
  static func gather(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition, to root: Int) {
    let node = Node(schedule, root)
    for child in node.children {
      for range in node.blocks(below: child, blocks) {
        schedule.receive(range, from: node.rank(of: child))
      }
    }
    if let parent = node.parent {
      for range in node.blocks(below: node.position, blocks) {
        schedule.send(range, to: node.rank(of: parent))
      }
    }
  }

  /// Scatters the root's vector: every rank receives its block, together with the blocks of the ranks below it in the
  /// tree.
  static func scatter(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition, from root: Int) {
    let node = Node(schedule, root)
    if let parent = node.parent {
      for range in node.blocks(below: node.position, blocks) {
        schedule.receive(range, from: node.rank(of: parent))
      }
    }
    for child in node.children.reversed() {
      for range in node.blocks(below: child, blocks) {
        schedule.send(range, to: node.rank(of: child))
      }
    }
  }

  static func reduceScatter(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition) {
    reduce(&schedule, to: 0)
    scatter(&schedule, blocks, from: 0)
  }

  static func allGather(_ schedule: inout ScheduleBuilder, _ blocks: BlockPartition) {
    gather(&schedule, blocks, to: 0)
    broadcast(&schedule, from: 0)
  }

  /// A rank's place in the tree. Its position is its rank relative to the root, which has position 0.
  private struct Node {
    let position: Int
    let size: Int
    let root: Int

    init(_ schedule: ScheduleBuilder, _ root: Int) {
      position = wrap(schedule.rank - root, schedule.size)
      size = schedule.size
      self.root = root
    }

    /// Returns the size of the full subtree whose root is this position: the position's lowest set bit.
    private func span(of position: Int) -> Int {
      position == 0 ? Int.max : position & -position
    }

    var parent: Int? { position == 0 ? nil : position - span(of: position) }

    /// The positions of the children, nearest first.
    var children: [Int] {
      var children: [Int] = []
      var distance = 1
      while distance < span(of: position) && position + distance < size {
        children.append(position + distance)
        distance *= 2
      }
      return children
    }

    func rank(of position: Int) -> Int { (position + root) % size }

    /// Returns the blocks of a position and of all positions below it: one range, or two where the ranks wrap around.
    func blocks(below position: Int, _ blocks: BlockPartition) -> [Range<Int>] {
      let last = position == 0 ? size : min(position + span(of: position), size)
      let first = position + root
      let end = last + root
      if first < size && end > size {
        return [blocks.start(of: first)..<blocks.total, 0..<blocks.start(of: end - size)]
      }
      let shift = first >= size ? size : 0
      return [blocks.start(of: first - shift)..<blocks.start(of: end - shift)]
    }
  }
}
