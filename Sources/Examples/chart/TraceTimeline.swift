import AllReduceNN
import ExampleSupport
import Foundation

/// A chart of what each rank did during some steps, from a timeline that `--trace` wrote.
struct TraceTimeline {
  private typealias Point = SVGDocument.Point

  private struct File: Decodable {
    let traceEvents: [Event]
  }

  private struct Event: Decodable {
    let name: String
    let ph: String
    let pid: Int
    /// The thread within the rank; nil for a counter, which belongs to the whole process.
    let tid: Int?
    let ts: Double?
    let dur: Double?
    let args: Arguments?

    struct Arguments: Decodable {
      let name: String?
    }

    var start: Double { ts ?? 0 }
    var end: Double { start + (dur ?? 0) }
  }

  /// The names of the spans on a rank's upper lane, and their colours.
  private static let phases = [
    ("input", Palette.ours[7]), ("forward", Palette.ours[0]), ("backward", Palette.ours[1]),
    ("wait", Palette.empty), ("update", Palette.ours[6]),
  ]
  /// The kinds of exchanges on a rank's lower lane, and their colours.
  private static let exchanges = [
    ("gradients", Palette.ours[2]), ("new weights", Palette.ours[3]),
    ("other", Palette.frame),
  ]
  private static let lane = 28.0
  private static let left = 116.0
  private static let width = ChartHeading.width

  private let events: [Event]
  private let ranks: [Int]
  private let hosts: [Int: String]
  private let span: (start: Double, end: Double)
  private let steps: Int

  init(path: String, steps count: Int) throws {
    let text = try FileBytes.text(of: path)
    guard let file = try? JSONDecoder().decode(File.self, from: Data(text.utf8)) else {
      throw ChartError.notWhatIsDrawn(
        path, "it is not a timeline; give a file that train-classifier --trace wrote")
    }
    let events = file.traceEvents.filter { $0.ph == "X" && $0.ts != nil }
    let ranks = Set(events.map(\.pid)).sorted()
    hosts = Dictionary(
      file.traceEvents.filter { $0.ph == "M" && $0.name == "process_name" }.map {
        ($0.pid, $0.args?.name ?? "rank \($0.pid)")
      }
    ) { first, _ in first }
    let taken = events.filter { $0.pid == ranks.first && $0.name == "step" }
    guard taken.count >= count else {
      throw ChartError.notWhatIsDrawn(
        path, "it has only \(taken.count) of the \(count) steps to draw")
    }
    // The steps are taken from the middle of the timeline, because the first steps are slower.
    let first = (taken.count - count + 1) / 2
    span = (taken[first].start, taken[first + count - 1].end)
    steps = count
    (self.events, self.ranks) = (events, ranks)
  }

  func svg(title: String?, subtitle: String?) -> String {
    let (lane, left) = (TraceTimeline.lane, TraceTimeline.left)
    let name =
      title
      ?? "\(steps) step\(steps == 1 ? "" : "s") of \(ranks.count) rank\(ranks.count == 1 ? "" : "s")"
    let heading = ChartHeading(
      title: name,
      subtitle: subtitle
        ?? "Above, what a rank does; below, a line for each exchange, from its start until the rank "
        + "sees its end.",
      width: TraceTimeline.width)
    let first = heading.height + 52
    let height = first + Double(ranks.count) * (2 * lane + 22) + 50
    var drawing = SVGDocument(width: TraceTimeline.width, height: height, title: name)
    heading.draw(on: &drawing)
    drawLegend(at: heading.height + 26, on: &drawing)
    var y = first
    for rank in ranks {
      drawing.addText(
        "rank \(rank)", at: Point(left - 10, y + 18), size: 14, anchor: .end)
      if let host = hosts[rank]?.split(separator: " ").last {
        drawing.addText(
          String(host.prefix(13)), at: Point(left - 10, y + 36), size: 13, color: Palette.quiet,
          anchor: .end)
      }
      draw(rank, at: y, on: &drawing)
      y += 2 * lane + 22
    }
    drawAxis(at: y - 8, on: &drawing)
    return drawing.text
  }

  private func draw(_ rank: Int, at y: Double, on drawing: inout SVGDocument) {
    let lane = TraceTimeline.lane
    let own = events.filter { $0.pid == rank && $0.end > span.start && $0.start < span.end }
    for event in own {
      if let color = TraceTimeline.phases.first(where: { $0.0 == event.name })?.1, event.tid == 0 {
        drawing.addRectangle(
          at: Point(place(event.start), y), width: max(place(event.end) - place(event.start), 0.4),
          height: lane, fill: color)
      }
    }
    let threads = Set(own.compactMap(\.tid).filter { $0 > 0 }).sorted()
    let height = min(lane / Double(max(threads.count, 1)), 8)
    for event in own {
      guard let thread = event.tid.flatMap({ threads.firstIndex(of: $0) }) else { continue }
      let row = Double(thread)
      drawing.addRectangle(
        at: Point(place(event.start), y + lane + 3 + row * height),
        width: max(place(event.end) - place(event.start), 0.4), height: height * 0.85,
        fill: TraceTimeline.exchanges[kind(of: event.name)].1)
    }
  }

  private func kind(of name: String) -> Int {
    name.hasPrefix("weights") ? 1 : name.hasPrefix("bucket") ? 0 : 2
  }

  private func place(_ time: Double) -> Double {
    let room = TraceTimeline.width - TraceTimeline.left - 20
    let share = (min(max(time, span.start), span.end) - span.start) / (span.end - span.start)
    return TraceTimeline.left + share * room
  }

  private func drawLegend(at y: Double, on drawing: inout SVGDocument) {
    let drawn = events.filter { $0.end > span.start && $0.start < span.end }
    let kinds = Set(drawn.filter { $0.tid ?? 0 > 0 }.map { kind(of: $0.name) })
    // Spans that are too short to be seen are not listed.
    let names = Set(drawn.filter { place($0.end) - place($0.start) > 0.5 }.map(\.name))
    var x = 16.0
    let signs =
      TraceTimeline.phases.filter { names.contains($0.0) }.map { name, color in
        let waits = name == "forward" && kinds.contains(1)
        return (waits ? "forward, with its waits" : name, color)
      }
      + TraceTimeline.exchanges.indices.filter(kinds.contains).map { TraceTimeline.exchanges[$0] }
    for (name, color) in signs {
      drawing.addRectangle(at: Point(x, y - 11), width: 13, height: 13, fill: color)
      drawing.addText(name, at: Point(x + 19, y), size: 14)
      x += 40 + 7.2 * Double(name.count)
    }
  }

  private func drawAxis(at y: Double, on drawing: inout SVGDocument) {
    let scale = AxisTicks.round(upTo: (span.end - span.start) / 1e3, atMost: 10)
    drawing.addLine(
      [Point(TraceTimeline.left, y), Point(TraceTimeline.width - 20, y)], color: Palette.frame)
    for value in scale {
      let x = place(span.start + value * 1e3)
      drawing.addLine([Point(x, y), Point(x, y + 5)], color: Palette.frame)
      drawing.addText(
        "\(value.formatted(digits: 3)) ms", at: Point(x, y + 20), size: 13, color: Palette.quiet,
        anchor: .middle)
    }
    drawing.addText(
      "Time since the first of these steps began",
      at: Point((TraceTimeline.left + TraceTimeline.width - 20) / 2, y + 44), size: 14,
      anchor: .middle)
  }
}
