import ExampleSupport

/// Draws a step of 5 to 16 ranks on a ring or in a tree: a disc for each rank, and beside it a bar that shows the
/// contents of the rank's buffer.
struct NodePanel: Panel {
  private typealias Point = SVGDocument.Point

  private static let radius = 12.0
  private static let barWidth = 32.0

  private let story: ScheduleStory
  private let layout: NodeLayout

  init(_ story: ScheduleStory, _ layout: NodeLayout) {
    self.story = story
    self.layout = layout
  }

  var width: Double { layout.width }
  var height: Double { layout.height }

  func draw(_ round: Int, into drawing: inout SVGDocument, at corner: SVGDocument.Point) {
    func place(_ rank: Int) -> Point {
      Point(corner.x + layout.centers[rank].x, corner.y + layout.centers[rank].y)
    }
    for (rank, parent) in layout.parents.enumerated() {
      if let parent {
        drawing.addLine([place(rank), place(parent)], color: Palette.grid, width: 1.5)
      }
    }
    let messages = round == 0 ? [] : story.rounds[round - 1]
    for message in messages {
      let (a, b) = (place(message.source), place(message.destination))
      let (dx, dy) = (b.x - a.x, b.y - a.y)
      let length = max((dx * dx + dy * dy).squareRoot(), 1)
      let out = (NodePanel.radius + 3) / length
      let (start, end) = (
        Point(a.x + dx * out, a.y + dy * out), Point(b.x - dx * out, b.y - dy * out)
      )
      drawing.addArrow([start, end], color: CellPainter.ink, isDashed: !message.isAdded)
    }
    for rank in 0..<story.ranks { drawRank(rank, round, at: place(rank), corner, into: &drawing) }
    // Where all messages are of the same piece, the subtitle says which.
    guard story.pieces.count > 1, Set(messages.map(\.name)).count > 1 else { return }
    for message in messages {
      let (a, b) = (place(message.source), place(message.destination))
      var middle = Point((a.x + b.x) / 2, (a.y + b.y) / 2)
      if let center = layout.middle {
        // On a ring, the label stands outside the circle.
        let (dx, dy) = (middle.x - corner.x - center.x, middle.y - corner.y - center.y)
        let out = 12 / max((dx * dx + dy * dy).squareRoot(), 1)
        middle = Point(middle.x + dx * out, middle.y + dy * out)
      }
      let width = 7 * Double(message.name.count) + 3
      drawing.addRectangle(
        at: Point(middle.x - width / 2, middle.y - 6.5), width: width, height: 13,
        fill: Palette.panel)
      drawing.addText(
        message.name, at: Point(middle.x, middle.y + 4), size: 10.5, anchor: .middle, isBold: true)
    }
  }

  /// Draws a rank and, beside it, a cell for each piece, filled in proportion to the number of ranks whose values it
  /// contains.
  private func drawRank(
    _ rank: Int, _ round: Int, at place: SVGDocument.Point, _ corner: SVGDocument.Point,
    into drawing: inout SVGDocument
  ) {
    let held = story.contents.isEmpty ? [] : story.contents[round][rank]
    let isComplete = !held.isEmpty && held.allSatisfy(story.isComplete)
    drawing.addCircle(
      around: place, radius: NodePanel.radius, fill: Palette.paper,
      border: isComplete ? Palette.ink : Palette.frame)
    drawing.addText(
      "\(rank)", at: Point(place.x, place.y + 4), size: 11, anchor: .middle, isBold: isComplete)
    guard !held.isEmpty else { return }
    let cell = NodePanel.barWidth / Double(held.count)
    let height = 10.0
    let (left, top) = (
      corner.x + layout.bars[rank].x - NodePanel.barWidth / 2,
      corner.y + layout.bars[rank].y - height / 2
    )
    drawing.addRectangle(
      at: Point(left, top), width: NodePanel.barWidth, height: height, fill: Palette.empty)
    let all = story.isReduction ? Double(story.ranks) : 1
    for (column, content) in held.enumerated() where content != 0 {
      let share = Double(content.nonzeroBitCount) / all
      drawing.addRectangle(
        at: Point(left + Double(column) * cell, top + height * (1 - share)), width: cell,
        height: height * share,
        fill: story.isComplete(content) ? Palette.ours[2] : Palette.ours[5])
    }
  }
}
