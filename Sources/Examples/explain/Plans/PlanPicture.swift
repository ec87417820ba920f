import AllReduce
import AllReduceNN
import ExampleSupport

/// Draws a plan layer by layer: a column for each rank, which shows the rank's part of the layer's weights, and between
/// layers what is exchanged.
struct PlanPicture {
  private typealias Point = SVGDocument.Point

  private static let row = 72.0
  private static let box = (width: 60.0, height: 38.0)
  /// The largest number of ranks drawn; of more ranks, only the first are drawn, with an ellipsis.
  private static let mostRanks = 8

  private let plan: Plan
  private let lines: [PlanLine]
  private let summary: String
  private let grid: GridShape
  private let planName: String
  private let name: String
  private let ranks: Int
  /// The plan as `train-classifier --print-plan` prints it.
  let text: String

  /// Works out a plan for a network and a number of ranks.
  ///
  /// - Parameters:
  ///   - plan: The plan.
  ///   - planName: The plan's name in the title.
  ///   - words: The network's layers.
  ///   - input: The shape of an example's input.
  ///   - name: The network's name in the title.
  ///   - ranks: The number of ranks.
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError`` if a layer does not fit the previous
  ///   one.
  init(
    _ plan: Plan, titled planName: String, of words: NetworkWords, input: Shape, named name: String,
    ranks: Int
  ) throws {
    let root = Sequential(try words.layers(for: input, of: Float.self))
    let table = try plan.resolved(for: root, input: input, ranks: ranks)
    (lines, summary, grid, text) = (table.lines, table.summary, table.grid, table.text)
    (self.plan, self.planName, self.name, self.ranks) = (plan, planName, name, ranks)
  }

  private var shown: Int { min(ranks, PlanPicture.mostRanks) }
  /// The x at which the first rank's boxes begin, which leaves room for each layer's name, placement and layouts.
  private var left: Double {
    let words = lines.flatMap { [8.8 * Double($0.layer.count), 7 * Double(layouts($0).count)] }
    return 30 + (words.max() ?? 0)
  }
  private var right: Double {
    left + Double(shown) * (PlanPicture.box.width + 12) + (ranks > shown ? 30 : 0)
  }

  /// The picture as the contents of an SVG file.
  var svg: String {
    let width = max(right + 12, 640)
    let title = "\(planName) for \(name) on \(ranks) rank\(ranks == 1 ? "" : "s")"
    let heading = ChartHeading(title: title, subtitle: summary, width: width)
    let top = heading.height + 36
    let legend = top + Double(lines.count) * PlanPicture.row + 20
    var drawing = SVGDocument(
      width: width, height: legend + 24 * Double(signs.count) + 14, title: title)
    heading.draw(on: &drawing)
    for rank in 0..<shown {
      drawing.addText(
        "rank \(rank)", at: Point(x(rank) + PlanPicture.box.width / 2, top - 10), size: 14,
        color: Palette.quiet, anchor: .middle)
    }
    if ranks > shown { drawing.addText("⋯", at: Point(right - 24, top - 12), size: 14) }
    for (number, line) in lines.enumerated() {
      draw(line, at: top + Double(number) * PlanPicture.row, into: &drawing)
    }
    drawLegend(at: legend, into: &drawing)
    return drawing.text
  }

  private func layouts(_ line: PlanLine) -> String {
    (line.takes.map { "\($0) → " } ?? "") + "\(line.gives)"
  }

  private func x(_ rank: Int) -> Double { left + Double(rank) * (PlanPicture.box.width + 12) }

  private func draw(_ line: PlanLine, at y: Double, into drawing: inout SVGDocument) {
    let box = PlanPicture.box
    drawing.addText(line.layer, at: Point(16, y + 15), size: 14, isBold: true)
    if let placement = line.placement {
      drawing.addText("\(placement)", at: Point(16, y + 34), size: 14, color: Palette.quiet)
    }
    drawing.addText(
      layouts(line), at: Point(16, y + (line.placement == nil ? 34 : 52)), size: 13,
      color: Palette.quiet)
    if line.hasWeights {
      for rank in 0..<shown { drawWeights(line.placement, of: rank, at: y, into: &drawing) }
    } else if line.placement != nil {
      drawing.addText(
        "no weights", at: Point((left + x(shown - 1) + box.width) / 2, y + 24), size: 13,
        color: Palette.quiet, anchor: .middle)
    }
    guard let then = line.then else { return }
    // What is exchanged is written in a band across all ranks.
    let band = y + box.height + 6
    drawing.addRectangle(
      at: Point(left, band), width: x(shown - 1) + box.width - left, height: 20,
      fill: Palette.ours[4], opacity: 0.35)
    drawing.addText(
      then, at: Point((left + x(shown - 1) + box.width) / 2, band + 14.5), size: 13,
      anchor: .middle)
  }

  /// Draws a box for all weights of a layer, in which the rank's part is filled.
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

  /// The legend: the colours that occur in this plan, and what they mean.
  private var signs: [(color: String, opacity: Double, words: String)] {
    let placements: [(Placement, String, String)] = [
      (.data, Palette.ours[0], "data: all weights, own examples; gradients are added up"),
      (.columns, Palette.ours[2], "columns: the weights of some outputs"),
      (.rows, Palette.ours[1], "rows: the weights of some inputs"),
      (.replicated, Palette.ours[3], "replicated: all weights, the same work on all ranks"),
    ]
    var signs = placements.filter { placement, _, _ in
      lines.contains { $0.placement == placement && $0.hasWeights }
    }.map { (color: $0.1, opacity: 0.8, words: $0.2) }
    if lines.contains(where: { $0.then != nil }) {
      signs.append(
        (Palette.ours[4], 0.35, "what ranks exchange after the layer, in the forward pass"))
    }
    return signs
  }

  private func drawLegend(at y: Double, into drawing: inout SVGDocument) {
    drawing.addText(
      "The backward pass has exchanges of its own. Boxes are not to scale.",
      at: Point(16, y + 24 * Double(signs.count)), size: 13, color: Palette.quiet)
    for (number, sign) in signs.enumerated() {
      let line = y + 24 * Double(number)
      drawing.addRectangle(
        at: Point(16, line - 11), width: 16, height: 13, fill: sign.color, opacity: sign.opacity)
      drawing.addText(sign.words, at: Point(40, line), size: 14)
    }
  }
}
