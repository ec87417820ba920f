import ExampleSupport

/// The picture for a page: a panel for each step, then the counts and what the signs mean.
struct SVGPicture {
  private typealias Point = SVGDocument.Point

  private static let pageWidth = 840.0
  private static let footWidth = 600.0
  private static let head = 50.0

  private let story: ScheduleStory
  private let panel: any Panel
  private let cost: CostLines

  init(_ story: ScheduleStory) {
    self.story = story
    panel = story.ranks <= 4 && story.pieces.count <= 8 ? CirclePanel(story) : ListPanel(story)
    cost = CostLines(story)
  }

  /// The file's contents.
  var text: String {
    // Without cells there is nothing to see before the first step.
    let first = story.ranks <= 8 || story.rounds.isEmpty ? 0 : 1
    let panels = story.rounds.count + 1 - first
    let across = max(1, min(panels, Int(SVGPicture.pageWidth / panel.width)))
    let down = (panels + across - 1) / across
    let bottom = SVGPicture.head + Double(down) * panel.height
    let width = max(SVGPicture.footWidth, Double(across) * panel.width)
    // The foot stands beside the last panels where there is room.
    let used = Double(panels - (down - 1) * across) * panel.width
    let isBeside = width - used > wordsWidth + 20 && panel.height > 150

    var drawing = SVGDocument(
      width: width, height: bottom + (isBeside ? 4 : 84), title: story.title)
    drawing.addText(story.title, at: Point(12, 24), size: 17, isBold: true)
    drawing.addText(story.subject, at: Point(12, 42), size: 12, color: "#555555")
    for place in 0..<panels {
      let corner = Point(
        Double(place % across) * panel.width,
        SVGPicture.head + Double(place / across) * panel.height)
      drawing.addRectangle(
        at: Point(corner.x + 3, corner.y + 3), width: panel.width - 6, height: panel.height - 6,
        fill: "#FAFAFA", border: "#DDDDDD")
      let round = place + first
      drawing.addText(
        round == 0 ? "Start" : "Step \(round)", at: Point(corner.x + 11, corner.y + 19), size: 13,
        isBold: true)
      panel.draw(round, into: &drawing, at: corner)
    }
    if isBeside {
      drawCounts(into: &drawing, at: Point(used + 16, bottom - panel.height + 24))
      drawLegend(into: &drawing, at: Point(used + 16, bottom - panel.height + 92))
    } else {
      drawCounts(into: &drawing, at: Point(12, bottom + 22))
      drawLegend(into: &drawing, at: Point(wordsWidth + 30, bottom + 22))
    }
    return drawing.text
  }

  private var words: [String] { cost.lines.map { "\($0.what): \($0.found) \($0.formula)" } }

  private var wordsWidth: Double { 6.8 * Double(words.map(\.count).max() ?? 0) }

  private func drawCounts(into drawing: inout SVGDocument, at corner: SVGDocument.Point) {
    for (index, line) in words.enumerated() {
      drawing.addText(line, at: Point(corner.x, corner.y + 20 * Double(index)), size: 12)
    }
  }

  private func drawLegend(into drawing: inout SVGDocument, at corner: SVGDocument.Point) {
    let left = corner.x
    var y = corner.y
    for isAdded in [true, false]
    where story.rounds.joined().contains(where: { $0.isAdded == isAdded }) {
      drawing.addArrow(
        [Point(left, y - 4), Point(left + 34, y - 4)], color: CellPainter.ink, isDashed: !isAdded)
      drawing.addText(
        isAdded ? "the receiver adds it" : "the receiver takes it as it is",
        at: Point(left + 44, y), size: 12)
      y += 20
    }
    guard story.isReduction && story.ranks <= 8 else { return }
    CellPainter(story: story, size: 14).draw(
      (1 << UInt64(story.ranks)) - 1, into: &drawing, at: Point(left + 10, y - 11))
    drawing.addText("complete: every rank's stripe", at: Point(left + 44, y), size: 12)
  }
}
