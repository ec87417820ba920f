import ExampleSupport

/// The picture for a page: a panel for each step, then the counts and a legend.
struct SVGPicture {
  private typealias Point = SVGDocument.Point

  private static let pageWidth = 660.0
  private static let footWidth = 600.0
  private static let head = 50.0

  private let story: ScheduleStory
  private let panel: any Panel
  private let cost: CostLines
  /// Whether the contents of the ranks' buffers are drawn as bars rather than cells.
  private let hasBars: Bool

  init(_ story: ScheduleStory) {
    self.story = story
    let layout = NodeLayout(story)
    hasBars = layout != nil && !story.contents.isEmpty
    if let layout {
      panel = NodePanel(story, layout)
    } else if story.ranks <= 4 && story.pieces.count <= 8 {
      panel = CirclePanel(story)
    } else {
      panel = ListPanel(story)
    }
    cost = CostLines(story)
  }

  /// The picture as the contents of an SVG file.
  var text: String {
    let rounds = shownRounds
    let across = max(1, min(rounds.count, Int(SVGPicture.pageWidth / panel.width)))
    let down = (rounds.count + across - 1) / across
    let bottom = SVGPicture.head + Double(down) * panel.height
    let width = max(SVGPicture.footWidth, Double(across) * panel.width)
    // The counts and the legend stand beside the last panels if there is room.
    let used = Double(rounds.count - (down - 1) * across) * panel.width
    let isBeside = width - used > wordsWidth + 20 && panel.height > 150

    var drawing = SVGDocument(
      width: width, height: bottom + (isBeside ? 4 : 94), title: story.title)
    drawing.addText(story.title, at: Point(12, 24), size: 17, isBold: true)
    drawing.addText(
      "\(story.subject); in each panel the messages of a step, and what ranks have after it",
      at: Point(12, 42), size: 12, color: Palette.quiet)
    for (place, round) in rounds.enumerated() {
      let corner = Point(
        Double(place % across) * panel.width,
        SVGPicture.head + Double(place / across) * panel.height)
      guard let round else {
        let before = rounds[place - 1] ?? 0
        let after = rounds[place + 1] ?? before
        drawing.addText(
          "⋯", at: Point(corner.x + panel.width / 2, corner.y + panel.height / 2), size: 40,
          color: Palette.quiet, anchor: .middle)
        drawing.addText(
          "steps \(before + 1) to \(after - 1) alike",
          at: Point(corner.x + panel.width / 2, corner.y + panel.height / 2 + 24), size: 12,
          color: Palette.quiet, anchor: .middle)
        continue
      }
      drawing.addRectangle(
        at: Point(corner.x + 3, corner.y + 3), width: panel.width - 6, height: panel.height - 6,
        fill: Palette.panel, border: Palette.grid)
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

  /// The rounds that have a panel, where 0 is the start; nil stands for rounds that are left out.
  private var shownRounds: [Int?] {
    // Without cells, the panel of the start would show nothing.
    let first = story.contents.isEmpty && !story.rounds.isEmpty ? 1 : 0
    let last = story.rounds.count
    guard last > (story.ranks > ScheduleStory.mostRanksWithContents ? 3 : 14) else {
      return (first...last).map { $0 }
    }
    // The first round in which ranks only copy complete values.
    let turn = story.rounds.firstIndex { $0.allSatisfy { !$0.isAdded } } ?? 0
    var shown = Array(first...2)
    if turn > 3 && turn < last - 1 { shown += [turn, turn + 1] }
    shown.append(last)
    return shown.enumerated().flatMap { place, round in
      place > 0 && round > shown[place - 1] + 1 ? [nil, round] : [round]
    }
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
    if hasBars {
      for (fill, meaning) in [(Palette.ours[5], "some ranks' sum"), (Palette.ours[2], "complete")]
      where story.isReduction || fill == Palette.ours[2] {
        drawing.addRectangle(at: Point(left + 10, y - 10), width: 14, height: 11, fill: fill)
        drawing.addText(meaning, at: Point(left + 44, y), size: 12)
        y += 20
      }
      return
    }
    guard story.isReduction && story.hasCells else { return }
    CellPainter(story: story, size: 14).draw(
      (1 << UInt64(story.ranks)) - 1, into: &drawing, at: Point(left + 10, y - 11))
    drawing.addText("complete: every rank's stripe", at: Point(left + 44, y), size: 12)
  }
}
