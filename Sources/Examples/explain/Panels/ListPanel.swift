import ExampleSupport

/// Draws a step of many ranks, listed one below the other: arcs on the left show which rank sends to which, text on the
/// right says what is sent.
struct ListPanel: Panel {
  private typealias Point = SVGDocument.Point

  private let story: ScheduleStory
  private let painter: CellPainter
  private let hasCells: Bool
  private let rowHeight: Double
  /// The x at which the ranks' numbers begin; the arcs are to the left.
  private let left: Double
  /// The width left for a rank's number.
  private let number: Double
  /// The x at which the text begins that says what is sent.
  private let right: Double
  private let head: Double

  let width: Double
  let height: Double

  init(_ story: ScheduleStory) {
    self.story = story
    hasCells = story.hasCells && story.pieces.count <= 32
    rowHeight = hasCells ? 20 : 14
    head = hasCells ? 42 : 32
    painter = CellPainter(story: story, size: 14)
    let longest = story.rounds.joined().map { abs($0.source - $0.destination) }.max() ?? 1
    left = (story.ranks > 10 ? 14 : 20) + ListPanel.bulge(longest)
    number = story.ranks > 10 ? 20 : 12
    right = left + number + 6 + (hasCells ? Double(story.pieces.count) * 17 : 0)
    let words = story.rounds.joined().map { "\($0.name) → \($0.destination)".count }.max() ?? 0
    width = right + 12 + 6.3 * Double(words)
    height = head + rowHeight * Double(story.ranks) + 10
  }

  func draw(_ round: Int, into drawing: inout SVGDocument, at corner: SVGDocument.Point) {
    if hasCells {
      for (column, name) in story.pieces.names.enumerated() {
        drawing.addText(
          name, at: Point(corner.x + left + number + 13 + 17 * Double(column), corner.y + head - 4),
          size: name.count > 1 ? 8 : 10, color: Palette.quiet, anchor: .middle)
      }
    }
    for rank in 0..<story.ranks {
      let y = corner.y + head + rowHeight * Double(rank)
      drawing.addText(
        "\(rank)", at: Point(corner.x + left + number, y + rowHeight / 2 + 2), size: 11,
        anchor: .end)
      guard hasCells else { continue }
      for column in 0..<story.pieces.count {
        painter.draw(
          story.contents[round][rank][column], into: &drawing,
          at: Point(corner.x + left + number + 6 + 17 * Double(column), y))
      }
    }
    guard round > 0 else { return }
    for message in story.rounds[round - 1] {
      drawArc(message, into: &drawing, at: corner)
      let y = corner.y + head + rowHeight * (Double(message.source) + 0.5) + 2
      drawing.addText(
        "\(message.name) → \(message.destination)", at: Point(corner.x + right + 3, y), size: 11)
    }
  }

  private func drawArc(
    _ message: ScheduleStory.Message, into drawing: inout SVGDocument, at corner: SVGDocument.Point
  ) {
    func middle(_ rank: Int) -> Double { corner.y + head + rowHeight * (Double(rank) + 0.35) }
    // A rank's own arrow starts above the point at which others end, so that the two arrows of a pair do not overlap.
    let (start, end) = (middle(message.source) - 2, middle(message.destination) + 3)
    let bulge = ListPanel.bulge(abs(message.source - message.destination))
    let x = corner.x + left
    let points = (0...12).map { step in
      let t = Double(step) / 12
      return Point(x - 4 * bulge * t * (1 - t), start + (end - start) * t)
    }
    drawing.addArrow(points, color: CellPainter.ink, isDashed: !message.isAdded)
  }

  private static func bulge(_ distance: Int) -> Double { 12 + min(56, 6 * Double(distance)) }
}
