import AllReduce
import AllReduceNN
import ExampleSupport

/// A plan drawn layer by layer: a column for each rank, in it the part of the weights that the rank has, and between
/// layers what is exchanged.
struct PlanPicture {
  private typealias Point = SVGDocument.Point

  private static let row = 64.0
  private static let box = (width: 58.0, height: 34.0)
  private static let layouts = 250.0
  /// More ranks are drawn as the first of them and an ellipsis.
  private static let mostRanks = 8

  private let plan: Plan
  private let lines: [PlanLine]
  private let summary: String
  private let grid: GridShape
  private let name: String
  private let ranks: Int
  /// The plan as `train-classifier --print-plan` prints it.
  let text: String

  /// Works out a plan.
  ///
  /// - Parameters:
  ///   - plan: The plan.
  ///   - words: The network.
  ///   - input: The shape of an example.
  ///   - name: What the network is called.
  ///   - ranks: How many there are.
  /// - Throws: ``PlanError`` if it cannot be carried out; ``ShapeError``.
  init(
    _ plan: Plan, of words: NetworkWords, input: Shape, named name: String, ranks: Int
  ) throws {
    let root = Sequential(try words.layers(for: input, of: Float.self))
    (lines, summary, grid) = try plan.lines(for: root, input: input, ranks: ranks)
    text = try plan.table(for: root, input: input, ranks: ranks)
    (self.plan, self.name, self.ranks) = (plan, name, ranks)
  }

  private var shown: Int { min(ranks, PlanPicture.mostRanks) }
  private var left: Double { 32 + 7.9 * Double(lines.map(\.layer.count).max() ?? 0) }
  private var right: Double {
    left + Double(shown) * (PlanPicture.box.width + 12) + (ranks > shown ? 30 : 0)
  }

  /// The file's contents.
  var svg: String {
    let top = 96.0
    let width = right + PlanPicture.layouts
    let height = top + Double(lines.count) * PlanPicture.row + 76
    let title = "A plan for \(name) on \(ranks) rank\(ranks == 1 ? "" : "s")"
    var drawing = SVGDocument(width: max(width, 620), height: height, title: title)
    drawing.addText(title, at: Point(12, 28), size: 19, isBold: true)
    drawing.addText(summary, at: Point(12, 50), size: 12, color: Palette.quiet)
    for rank in 0..<shown {
      drawing.addText(
        "rank \(rank)", at: Point(x(rank) + PlanPicture.box.width / 2, top - 12), size: 12,
        color: Palette.quiet, anchor: .middle)
    }
    if ranks > shown { drawing.addText("⋯", at: Point(right - 24, top - 12), size: 14) }
    for (number, line) in lines.enumerated() {
      draw(line, at: top + Double(number) * PlanPicture.row, into: &drawing)
    }
    drawLegend(at: top + Double(lines.count) * PlanPicture.row + 16, into: &drawing)
    return drawing.text
  }

  private func x(_ rank: Int) -> Double { left + Double(rank) * (PlanPicture.box.width + 12) }

  private func draw(_ line: PlanLine, at y: Double, into drawing: inout SVGDocument) {
    let box = PlanPicture.box
    drawing.addText(line.layer, at: Point(12, y + 15), size: 13, isBold: true)
    if let placement = line.placement {
      drawing.addText("\(placement)", at: Point(12, y + 31), size: 12, color: Palette.quiet)
    }
    for rank in 0..<shown { drawWeights(line.placement, of: rank, at: y, into: &drawing) }
    let layouts = (line.takes.map { "\($0) → " } ?? "") + "\(line.gives)"
    drawing.addText(layouts, at: Point(right + 6, y + 21), size: 12, color: Palette.quiet)
    guard let then = line.then else { return }
    // What is exchanged is a band over all ranks.
    let band = y + box.height + 6
    drawing.addRectangle(
      at: Point(left, band), width: x(shown - 1) + box.width - left, height: 17,
      fill: Palette.ours[4], opacity: 0.35)
    drawing.addText(
      then, at: Point((left + x(shown - 1) + box.width) / 2, band + 12.5), size: 11,
      anchor: .middle)
  }

  /// The box stands for all weights of a layer; what the rank has of them is filled.
  private func drawWeights(
    _ placement: Placement?, of rank: Int, at y: Double, into drawing: inout SVGDocument
  ) {
    guard let placement else { return }
    let box = PlanPicture.box
    let corner = Point(x(rank), y)
    drawing.addRectangle(
      at: corner, width: box.width, height: box.height, fill: Palette.empty, border: Palette.frame)
    let (place, parts) = (Double(rank % grid.model), Double(grid.model))
    switch placement {
    case .data:
      drawing.addRectangle(
        at: corner, width: box.width, height: box.height, fill: Palette.ours[0], opacity: 0.75)
    case .replicated:
      drawing.addRectangle(
        at: corner, width: box.width, height: box.height, fill: Palette.ours[3], opacity: 0.75)
    case .columns:
      drawing.addRectangle(
        at: Point(corner.x + place * box.width / parts, corner.y), width: box.width / parts,
        height: box.height, fill: Palette.ours[2], opacity: 0.85)
    case .rows:
      drawing.addRectangle(
        at: Point(corner.x, corner.y + place * box.height / parts), width: box.width,
        height: box.height / parts, fill: Palette.ours[1], opacity: 0.85)
    }
  }

  private func drawLegend(at y: Double, into drawing: inout SVGDocument) {
    let signs: [(Placement, String, String)] = [
      (.data, Palette.ours[0], "data: all weights, own examples"),
      (.columns, Palette.ours[2], "columns: some outputs of the layer"),
      (.rows, Palette.ours[1], "rows: some inputs of the layer"),
      (.replicated, Palette.ours[3], "replicated: all weights, the same work on all ranks"),
    ]
    var (x, line) = (12.0, y)
    for (placement, color, words) in signs
    where lines.contains(where: { $0.placement == placement }) {
      let width = 30 + 6.6 * Double(words.count)
      if x + width > max(right + PlanPicture.layouts, 620) { (x, line) = (12, line + 20) }
      drawing.addRectangle(
        at: Point(x, line - 10), width: 14, height: 12, fill: color, opacity: 0.8)
      drawing.addText(words, at: Point(x + 20, line), size: 12)
      x += width + 14
    }
    if lines.contains(where: { $0.then != nil }) {
      drawing.addRectangle(
        at: Point(12, line + 10), width: 14, height: 12, fill: Palette.ours[4], opacity: 0.35)
      drawing.addText(
        "what ranks exchange before the next layer", at: Point(32, line + 20), size: 12)
    }
  }
}
