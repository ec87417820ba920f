import AllReduce
import ExampleSupport

/// The simulated times, formatted for people and for programs.
struct SimulatedTimes {
  private let results: [SimulatedSizes.Result]

  init(_ results: [SimulatedSizes.Result]) { self.results = results }

  /// A table with a row for each size and number of ranks, and a column for each algorithm.
  var table: String {
    let names = unique(results.map(\.algorithm.name))
    var table = TextTable(titles: ["bytes", "ranks", "hosts"] + names)
    for bytes in unique(results.map(\.bytes)) {
      for ranks in unique(results.map(\.ranks)) {
        let row = results.filter { $0.bytes == bytes && $0.ranks == ranks }
        table.add(
          [ByteCount(bytes).text, "\(ranks)", "\(row.first?.hosts ?? 0)"]
            + row.map { AxisWords.duration($0.seconds) })
      }
    }
    return table.text
  }

  var csv: String {
    (["algorithm,ranks,hosts,bytes,seconds"]
      + results.map { "\($0.algorithm),\($0.ranks),\($0.hosts),\($0.bytes),\($0.seconds)" }).joined(
        separator: "\n")
  }

  var json: String {
    let rows = results.map {
      "{\"algorithm\":\"\($0.algorithm)\",\"ranks\":\($0.ranks),\"hosts\":\($0.hosts),\"bytes\":\($0.bytes),"
        + "\"seconds\":\($0.seconds)}"
    }
    return "{\"version\":1,\"times\":[\(rows.joined(separator: ","))]}"
  }

  /// Draws time against the number of ranks or, if there is only one, against the number of bytes; returns SVG.
  func chart(subtitle: String) -> String {
    let sizes = unique(results.map(\.bytes))
    let isByRanks = unique(results.map(\.ranks)).count > 1
    let series = unique(results.map(\.algorithm.name)).flatMap { name in
      let own = results.filter { $0.algorithm.name == name }
      if !isByRanks {
        return [LineChart.Series(name: name, points: own.map { (Double($0.bytes), $0.seconds) })]
      }
      return sizes.map { bytes in
        LineChart.Series(
          name: sizes.count > 1 ? "\(name), \(ByteCount(bytes).text)" : name,
          points: own.filter { $0.bytes == bytes }.map { (Double($0.ranks), $0.seconds) })
      }
    }
    return LineChart(
      title: "Simulated time of an all-reduce", subtitle: subtitle,
      x: isByRanks
        ? LineChart.Axis(title: "Ranks", base: 2) { "\(Int($0.rounded()))" }
        : LineChart.Axis(title: "Bytes of each rank's buffer", base: 2) {
          ByteCount(Int($0.rounded())).text
        },
      y: LineChart.Axis(title: "Time of a call", base: 10, label: AxisWords.duration),
      series: series
    ).svg()
  }

  private func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
  }
}
