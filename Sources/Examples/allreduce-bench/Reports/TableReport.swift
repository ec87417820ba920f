import ExampleSupport

/// Formats the results as tables for people.
enum TableReport {
  /// Returns the table of all figures of one size: a row for each contender.
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

  /// Formats seconds as microseconds, with at least three digits.
  static func time(_ seconds: Double) -> String {
    let micros = seconds * 1e6
    return micros.formatted(decimals: micros < 10 ? 2 : micros < 100 ? 1 : 0)
  }

  private static func remark(_ row: SizeResult.Row, in result: SizeResult) -> String {
    var remarks: [String] = []
    if row.isCorrect == false { remarks.append("WRONG") }
    if row.contender.isYardstick { remarks.append("yardstick") }
    if let fastest = result.fastest, row.contender == fastest.contender,
      row.buffers == fastest.buffers
    {
      remarks.append("fastest")
    }
    if row.isMarked { remarks.append("chosen by automatic") }
    return remarks.joined(separator: ", ")
  }

  private static func right(_ count: Int) -> [TextTable.Alignment] {
    Array(repeating: .right, count: count)
  }
}
