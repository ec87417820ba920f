import ExampleSupport

/// Results as people read them.
enum TableReport {
  /// All figures of one size: a row an algorithm.
  static func block(_ result: SizeResult) -> String {
    let calls = result.rows.map(\.calls)
    let few = calls.min() ?? 0
    let many = calls.max() ?? 0
    var table = TextTable(
      titles: ["", "median", "p10", "p99", "algbw", "busbw", ""],
      alignments: [.left] + right(5) + [.left])
    let slowest = result.rows.map(\.algorithmBandwidth).min() ?? 0
    let decimals = slowest < 1e7 ? 4 : slowest < 1e8 ? 3 : 2
    for row in result.rows {
      let bandwidths = [row.algorithmBandwidth, row.busBandwidth].map {
        ($0 / 1e9).formatted(decimals: decimals)
      }
      table.add(
        [row.label, time(row.median), time(row.p10), time(row.p99)] + bandwidths
          + [remark(row, in: result)])
    }
    let title = "\(ByteCount(result.bytes).text), \(few == many ? "" : "\(few) to ")\(many) calls"
    return title + "\n" + table.text
  }

  /// The medians of all sizes: a row a size, which names its winner.
  static func summary(_ all: [SizeResult], _ contenders: [Contender]) -> String {
    let marksAutomatic = all.contains { $0.rows.contains { isMarked($0) } }
    let columns = contenders.map(\.name).filter { name in
      // A column of what stands in other columns would say nothing.
      all.contains { result in
        result.row(requested: name).map { $0.requested[0] == name || !isMarked($0) } ?? false
      }
    }
    var table = TextTable(
      titles: ["size"] + columns.map { marksAutomatic ? $0 + " " : $0 } + ["fastest"],
      alignments: right(columns.count + 1) + [.left])
    for result in all {
      let cells = columns.map { name -> String in
        guard let row = result.row(requested: name) else { return "" }
        let mark = marksAutomatic ? (isMarked(row) ? "*" : " ") : ""
        return time(row.median) + mark
      }
      table.add(
        [ByteCount(result.bytes).text] + cells + [result.fastest?.label ?? ""])
    }
    let note = marksAutomatic ? "; * is what automatic chooses" : ""
    return "Medians in µs\(note)\n" + table.text
  }

  /// Seconds as microseconds, in three digits or more.
  static func time(_ seconds: Double) -> String {
    let micros = seconds * 1e6
    return micros.formatted(decimals: micros < 10 ? 2 : micros < 100 ? 1 : 0)
  }

  private static func remark(_ row: SizeResult.Row, in result: SizeResult) -> String {
    var remarks: [String] = []
    if row.isCorrect == false { remarks.append("WRONG") }
    if row.contender.isYardstick { remarks.append("yardstick") }
    if row.contender == result.fastest?.contender { remarks.append("fastest") }
    if isMarked(row) { remarks.append("chosen by automatic") }
    return remarks.joined(separator: ", ")
  }

  /// Whether the row was asked for by its own name, and is what automatic chose too.
  private static func isMarked(_ row: SizeResult.Row) -> Bool {
    row.isAutomatic && row.requested.count > 1
  }

  private static func right(_ count: Int) -> [TextTable.Alignment] {
    Array(repeating: .right, count: count)
  }
}
