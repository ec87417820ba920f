/// Two binary trees at once, each for one half of the vector (Sanders, Speck and Träff, "Two-tree algorithms for full
/// bandwidth broadcast, reduction and scan", 2009).
///
/// In one binary tree, the leaves (half of all ranks) send and receive the vector only once, while an inner rank
/// exchanges it with two children as well as its parent. So there are two trees, and an inner rank of one tree is a
/// leaf of the other: the links of all ranks are busy, and the number of steps is logarithmic in p. Large vectors are
/// sent up and down in segments.
enum DoubleTree {
  static func allReduce(_ schedule: inout ScheduleBuilder) {
    let halves = BlockPartition(count: schedule.count, parts: 2)
    let nodes = (0..<2).map { Node(schedule, tree: $0) }
    for (node, half) in zip(nodes, halves) {
      for child in node.children { schedule.receiveAndReduce(half, from: child) }
      if let parent = node.parent {
        schedule.send(half, to: parent)
      } else {
        schedule.finish(half)
      }
    }
    for (node, half) in zip(nodes, halves) {
      if let parent = node.parent { schedule.receive(half, from: parent) }
      for child in node.children { schedule.send(half, to: child) }
    }
  }

  /// A rank's place in one of the two trees.
  ///
  /// Ranks have labels 1...p, in the in-order of a binary search tree: the lowest set bit of a label gives the height
  /// of its node, so odd labels are leaves. In the second tree, the labels of the first are mirrored where p is even,
  /// and shifted by one where p is odd, so that odd labels become even. (Where p is odd, one rank is a leaf in both
  /// trees.)
  private struct Node {
    private let label: Int
    private let size: Int
    private let tree: Int

    init(_ schedule: ScheduleBuilder, tree: Int) {
      size = schedule.size
      self.tree = tree
      label =
        if tree == 0 {
          schedule.rank + 1
        } else if size % 2 == 0 {
          size - schedule.rank
        } else {
          (schedule.rank + 1) % size + 1
        }
    }

    private func rank(of label: Int) -> Int {
      if tree == 0 { return label - 1 }
      return size % 2 == 0 ? size - label : wrap(label - 2, size)
    }

    var parent: Int? {
      let bit = label & -label
      let next = label & ~bit | bit << 1
      // The parent that a complete tree would have may be beyond p: then it is the nearest ancestor on the other side.
      let found = next <= size ? next : label & ~bit
      return found == 0 ? nil : rank(of: found)
    }

    var children: [Int] {
      var distance = (label & -label) / 2
      if distance == 0 { return [] }
      let left = label - distance
      while distance > 0 && label + distance > size { distance /= 2 }
      return ([left] + (distance > 0 ? [label + distance] : [])).map(rank(of:))
    }
  }
}
