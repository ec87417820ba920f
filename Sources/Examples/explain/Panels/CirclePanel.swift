import ExampleSupport

/// Draws a step of a few ranks, which stand on a circle; arrows are labelled with the letters of the pieces sent.
struct CirclePanel: Panel {
  private typealias Point = SVGDocument.Point

  private let story: ScheduleStory
  private let layout: CircleLayout
  private let painter: CellPainter

  init(_ story: ScheduleStory) {
    self.story = story
    layout = CircleLayout(ranks: story.ranks, columns: story.pieces.count)
    painter = CellPainter(story: story, size: layout.cell)
  }

  var width: Double { layout.panelWidth }
  var height: Double { layout.panelHeight }

  func draw(_ round: Int, into drawing: inout SVGDocument, at corner: SVGDocument.Point) {
    let messages = round == 0 ? [] : story.rounds[round - 1]
    for message in messages {
      let (a, b) = ends(message, messages, corner)
      drawing.addArrow([a, b], color: CellPainter.ink, isDashed: !message.isAdded)
    }
    for rank in 0..<story.ranks { drawCard(rank, round, into: &drawing, at: corner) }
    for message in messages {
      let (a, b) = ends(message, messages, corner)
      // The label stands nearer to the sender, so that it does not hide the arrow's head; in a pair, the arrows run
      // side by side, so it is nearer still.
      let share = isPair(message, messages) ? 0.27 : 0.42
      let place = Point(a.x + share * (b.x - a.x), a.y + share * (b.y - a.y))
      let width = 7.4 * Double(message.name.count) + 4
      drawing.addRectangle(
        at: Point(place.x - width / 2, place.y - 7), width: width, height: 14, fill: Palette.panel)
      drawing.addText(
        message.name, at: Point(place.x, place.y + 4.5), size: 12, anchor: .middle, isBold: true)
    }
  }

  private func ends(
    _ message: ScheduleStory.Message, _ messages: [ScheduleStory.Message],
    _ corner: SVGDocument.Point
  ) -> (SVGDocument.Point, SVGDocument.Point) {
    let (a, b) = layout.arrow(
      from: message.source, to: message.destination, isPair: isPair(message, messages))
    return (Point(a.x + corner.x, a.y + corner.y), Point(b.x + corner.x, b.y + corner.y))
  }

  /// Whether the sender and the receiver of a message send to each other in this round.
  private func isPair(
    _ message: ScheduleStory.Message, _ messages: [ScheduleStory.Message]
  ) -> Bool {
    messages.contains {
      $0.source == message.destination && $0.destination == message.source
    }
  }

  private func drawCard(
    _ rank: Int, _ round: Int, into drawing: inout SVGDocument, at corner: SVGDocument.Point
  ) {
    let center = layout.centers[rank]
    let (x, y) = (
      corner.x + center.x - layout.cardWidth / 2, corner.y + center.y - layout.cardHeight / 2
    )
    drawing.addRectangle(
      at: Point(x, y), width: layout.cardWidth, height: layout.cardHeight, fill: Palette.paper,
      border: Palette.frame)
    drawing.addRectangle(
      at: Point(x + 5, y + 4), width: 8, height: 8, fill: CellPainter.color(rank))
    drawing.addText("rank \(rank)", at: Point(x + 16, y + 12), size: 11)
    for (column, name) in story.pieces.names.enumerated() {
      let left = x + 5 + Double(column) * (layout.cell + CircleLayout.gap)
      drawing.addText(
        name, at: Point(left + layout.cell / 2, y + CircleLayout.cardHead - 3),
        size: layout.cell > 12 ? 10 : 8, color: Palette.quiet, anchor: .middle)
      painter.draw(
        story.contents[round][rank][column], into: &drawing,
        at: Point(left, y + CircleLayout.cardHead))
    }
  }
}
