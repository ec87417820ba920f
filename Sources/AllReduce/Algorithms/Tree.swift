/// The binomial tree.
///
/// Positions are ranks relative to the root, which has position 0. In round k of a reduction, every position whose
/// lowest set bit is bit k sends its partial sum to the position without that bit, and is done; after ⌈log₂ p⌉ rounds,
/// the root holds the complete sum. A broadcast runs the rounds in reverse. Large vectors are sent up and down in
/// segments, so that all levels of the tree work at once.
enum Tree {
  static func allReduce(_ plan: inout ScheduleBuilder) {
    reduce(&plan, to: 0)
    broadcast(&plan, from: 0)
  }

  static func reduce(_ plan: inout ScheduleBuilder, to root: Int) {
    let node = Node(plan, root)
    for child in node.children { plan.receiveAndReduce(plan.all, from: node.rank(of: child)) }
    if let parent = node.parent {
      plan.send(plan.all, to: node.rank(of: parent))
    } else {
      plan.finish(plan.all)
    }
  }

  static func broadcast(_ plan: inout ScheduleBuilder, from root: Int) {
    let node = Node(plan, root)
    if let parent = node.parent { plan.receive(plan.all, from: node.rank(of: parent)) }
    for child in node.children.reversed() { plan.send(plan.all, to: node.rank(of: child)) }
  }

  /// Gathers the block of every rank on the root; a rank also forwards the blocks of all ranks below it in the tree.
  static func gather(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition, to root: Int) {
    let node = Node(plan, root)
    for child in node.children {
      for range in node.blocks(below: child, blocks) {
        plan.receive(range, from: node.rank(of: child))
      }
    }
    if let parent = node.parent {
      for range in node.blocks(below: node.position, blocks) {
        plan.send(range, to: node.rank(of: parent))
      }
    }
  }

  /// Scatters the root's vector: every rank receives its block, together with the blocks of the ranks below it in the
  /// tree.
  static func scatter(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition, from root: Int) {
    let node = Node(plan, root)
    if let parent = node.parent {
      for range in node.blocks(below: node.position, blocks) {
        plan.receive(range, from: node.rank(of: parent))
      }
    }
    for child in node.children.reversed() {
      for range in node.blocks(below: child, blocks) {
        plan.send(range, to: node.rank(of: child))
      }
    }
  }

  static func reduceScatter(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition) {
    reduce(&plan, to: 0)
    scatter(&plan, blocks, from: 0)
  }

  static func allGather(_ plan: inout ScheduleBuilder, _ blocks: BlockPartition) {
    gather(&plan, blocks, to: 0)
    broadcast(&plan, from: 0)
  }

  /// A rank's place in the tree. Its position is its rank relative to the root, which has position 0.
  private struct Node {
    let position: Int
    let size: Int
    let root: Int

    init(_ plan: ScheduleBuilder, _ root: Int) {
      position = wrap(plan.rank - root, plan.size)
      size = plan.size
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
