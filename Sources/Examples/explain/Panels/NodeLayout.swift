import AllReduce
import ExampleSupport
import Foundation

/// Where the ranks of a picture stand: on a circle, in the order of a ring, or as a tree, each above those that it
/// hears from.
struct NodeLayout {
  typealias Point = SVGDocument.Point

  /// The middle of each rank, within a panel.
  let centers: [Point]
  let width: Double
  let height: Double
  /// The middle of each rank's bar, which shows what the rank holds.
  let bars: [Point]
  /// The middle of the circle; nil of a tree.
  let middle: Point?
  /// The parent of each rank in a tree; nil of the root. Empty of a circle.
  let parents: [Int?]

  /// Room above the ranks for the panel's title.
  private static let head = 34.0
  /// Room for a rank and what it holds.
  private static let room = (width: 66.0, height: 46.0)

  /// Places the ranks; nil where a list of them tells more.
  init?(_ story: ScheduleStory) {
    guard (5...ScheduleStory.mostRanksWithContents).contains(story.ranks) else { return nil }
    switch story.algorithm {
    case .ring: self.init(circleOf: story.ranks)
    case .tree, .flatTree:
      guard let parents = NodeLayout.parents(story) else { return nil }
      self.init(tree: parents)
    default: return nil
    }
  }

  private init(circleOf ranks: Int) {
    let radius = max(84, Double(ranks) * 48 / (2 * Double.pi))
    width = 2 * radius + 52
    height = 2 * radius + NodeLayout.head + 44
    let middle = Point(width / 2, NodeLayout.head + radius + 18)
    // What ranks hold is drawn inside the ring.
    let inside = radius - 36
    centers = (0..<ranks).map { rank in
      let angle = (2 * Double(rank) / Double(ranks) - 0.5) * Double.pi
      return Point(
        middle.x + radius * Foundation.cos(angle), middle.y + radius * Foundation.sin(angle))
    }
    bars = (0..<ranks).map { rank in
      let angle = (2 * Double(rank) / Double(ranks) - 0.5) * Double.pi
      return Point(
        middle.x + inside * Foundation.cos(angle), middle.y + inside * Foundation.sin(angle))
    }
    (self.middle, parents) = (middle, [])
  }

  private init(tree parents: [Int?]) {
    let room = NodeLayout.room
    var places = [Point](repeating: Point(0, 0), count: parents.count)
    var depth = 0
    /// Places a rank and all below it; returns the room that they take.
    func place(_ rank: Int, at level: Int, from left: Double) -> Double {
      depth = max(depth, level)
      var right = left
      // The largest trees, which come last, to the right.
      for child in parents.indices where parents[child] == rank {
        right += place(child, at: level + 1, from: right)
      }
      let taken = max(right - left, room.width)
      places[rank] = Point(
        left + taken / 2 - 14, NodeLayout.head + 14 + Double(level) * (room.height + 8))
      return taken
    }
    var right = 14.0
    for root in parents.indices where parents[root] == nil {
      right += place(root, at: 0, from: right)
    }
    centers = places
    bars = places.map { Point($0.x + 32, $0.y) }
    width = right + 14
    height = NodeLayout.head + Double(depth + 1) * (room.height + 8) - 8
    (middle, self.parents) = (nil, parents)
  }

  /// The rank that each sends its sum to, or hears the result from; nil where there is more than one.
  private static func parents(_ story: ScheduleStory) -> [Int?]? {
    let hasSums = story.rounds.joined().contains(where: \.isAdded)
    var parents = [Int?](repeating: nil, count: story.ranks)
    for message in story.rounds.joined() where message.isAdded == hasSums {
      let (child, parent) =
        hasSums
        ? (message.source, message.destination) : (message.destination, message.source)
      if let known = parents[child], known != parent { return nil }
      parents[child] = parent
    }
    // As many roots as trees, and no circle.
    for rank in parents.indices {
      var (place, steps) = (rank, 0)
      while let parent = parents[place] {
        (place, steps) = (parent, steps + 1)
        if steps > story.ranks { return nil }
      }
    }
    return parents
  }
}
