import AllReduce
import ExampleSupport

/// The chart that `--plot` asks for: time against size, with a line for each algorithm.
struct ChartFile {
  private let options: BenchOptions
  private let setting: Setting
  private let file: OutputFile?

  /// Creates the file, if a chart was asked for. Throws if the file cannot be written, before time is spent on
  /// measuring.
  init(_ options: BenchOptions, _ setting: Setting) throws {
    self.options = options
    self.setting = setting
    do {
      file = try options.plot.map { try OutputFile(path: $0) }
    } catch let error as DataError {
      throw BenchError.output(error)
    }
  }

  /// Draws the results into the file, if a chart was asked for.
  func write(_ all: [SizeResult], _ contenders: [Contender], _ peers: [PeerTimes]) throws {
    guard let file else { return }
    let operation = options.operation == .sum ? "" : ", \(options.operation)"
    let chart = LineChart(
      title: "Time of an all-reduce of \(options.type)\(operation)",
      subtitle: "\(setting.text), \(today()). Median of the slowest rank's times.",
      x: LineChart.Axis(title: "Bytes of each rank's buffer", base: 2) {
        ByteCount(Int($0.rounded())).text
      },
      y: LineChart.Axis(title: "Time of a call", base: 10, label: AxisWords.duration),
      series: lines(all, contenders)
        + peers.map { peer in
          LineChart.Series(
            name: peer.name,
            points: all.compactMap { result in
              peer.medians[result.bytes].map { (Double(result.bytes), $0) }
            }, kind: .peer)
        })
    try file.write(chart.svg())
    try file.finish()
  }

  private func lines(_ all: [SizeResult], _ contenders: [Contender]) -> [LineChart.Series] {
    contenders.flatMap { contender in
      contender.buffers(options.buffers).compactMap { buffers in
        let rows = all.compactMap { result in
          result.row(requested: contender.name, buffers).map { (bytes: result.bytes, row: $0) }
        }
        // Where every choice of automatic was also measured by name, its line would coincide with those lines.
        if rows.allSatisfy({ $0.row.requested.count > 1 && contender == .allReduce(.automatic) }) {
          return nil
        }
        return LineChart.Series(
          name: SizeResult.Row.label(
            contender.name, buffers, isYardstick: contender.isYardstick),
          points: rows.map { (Double($0.bytes), $0.row.median) },
          kind: contender.isYardstick ? .yardstick : .ours)
      }
    }
  }
}
