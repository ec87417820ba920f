import AllReduce
import ExampleSupport
import Foundation

/// The positions of the ranks in a picture: on a circle, in the order of a ring; or as a tree, each rank above its
/// children.
struct NodeLayout {
  typealias Point = SVGDocument.Point

  /// The centre of each rank, relative to the panel's corner.
  let centers: [Point]
  let width: Double
  let height: Double
  /// The centre of each rank's bar, which shows the contents of the rank's buffer.
  let bars: [Point]
  /// The centre of the circle; nil for a tree.
  let middle: Point?
  /// The parent of each rank in a tree, nil for a root. Empty for a circle.
  let parents: [Int?]

  /// The height above the ranks that is left for the panel's title.
  private static let head = 34.0
  /// The space for a rank and for the bar that shows its buffer, in pixels.
  private static let room = (width: 66.0, height: 46.0)

  /// Creates the layout for a schedule; nil where a list of the ranks shows more.
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
    // The bars that show the ranks' buffers are drawn inside the circle.
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
    /// Places a rank and its descendants; returns the width that they take.
    func place(_ rank: Int, at level: Int, from left: Double) -> Double {
      depth = max(depth, level)
      var right = left
      // The largest subtrees come last, so they are on the right.
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

  /// Returns each rank's parent: the rank to which it sends its sum or, without sums, from which it receives the
  /// result. Nil if a rank has several parents, or if there is a cycle.
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
    // Follows the parents of each rank up to a root; more steps than ranks mean a cycle.
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
