import AllReduce
import ExampleSupport

/// A map of which kind of plan is fastest for each batch size and link bandwidth.
struct StrategyMap {
  /// The numbers of examples per rank and step, along the horizontal axis.
  private static let batches = (1...10).map { 1 << $0 }
  /// The link bandwidths in gigabits per second, along the vertical axis.
  private static let rates = [0.1, 0.3, 1, 3, 10, 30, 100]
  private static let kinds = [
    "data: every layer by data", "mixed: some layers by data, some by weights",
    "weights: every layer by weights", "fewer hosts: the others stay idle",
  ]

  private struct Choice {
    let kind: Int
    /// The plan's speed divided by that of data parallelism on all hosts.
    let gain: Double
  }

  private let choices: [[Choice]]
  private let title: String
  private let subtitle: String

  /// Finds the fastest plan for each batch size and link bandwidth.
  ///
  /// - Parameters:
  ///   - name: The network's name.
  ///   - figures: The figures that describe the machines; their link bandwidth is replaced by those of the map.
  ///   - task: Creates the planner's task for the given machines and global batch size.
  /// - Throws: ``ProfileError`` if no plan fits into memory; any error that `task` throws.
  init(
    of name: String, on figures: MachineProfile.Figures,
    task: (MachineProfile, Int) throws -> Planner.Task
  ) throws {
    choices = try StrategyMap.rates.map { rate in
      var figures = figures
      figures.linkBytesPerSecond = rate * 125e6
      let machines = MachineProfile.byHand(figures)
      return try StrategyMap.batches.map { batch in
        var planner = try Planner(try task(machines, batch * machines.ranks))
        return StrategyMap.choice(try planner.run(), hosts: figures.hosts)
      }
    }
    title =
      "The fastest plan for \(name) on \(figures.hosts) hosts of \(figures.ranksPerHost) rank\(figures.ranksPerHost == 1 ? "" : "s")"
    subtitle =
      "Predicted: \((figures.operationsPerSecond / 1e9).formatted(digits: 4)) GFLOP/s a rank, latency "
      + "\(Seconds(figures.linkLatency).text). In a field: how many times as fast as data parallelism on all hosts."
  }

  private static func choice(_ planned: PlannedTraining, hosts: Int) -> Choice {
    let best = planned.best.prediction
    let data = planned.pure.first { $0.name == "data" }?.prediction.seconds ?? best.seconds
    let placements = best.layers.compactMap(\.placement)
    let kind =
      best.hostsUsed < hosts
      ? 3 : placements.allSatisfy { $0 == .data } ? 0 : placements.contains(.data) ? 1 : 2
    return Choice(kind: kind, gain: data / best.seconds)
  }

  /// The map as a table: a row for each bandwidth, a column for each batch size.
  var table: TextTable {
    var table = TextTable(
      titles: ["link"] + StrategyMap.batches.map { "\($0)" }, alignments: [.left])
    for (rate, line) in zip(StrategyMap.rates, choices) {
      table.add(
        [StrategyMap.words(rate)]
          + line.map { choice in
            let kind = StrategyMap.kinds[choice.kind].prefix { $0 != ":" && $0 != " " }
            return "\(kind) \(StrategyMap.text(gain: choice.gain))"
          })
    }
    return table
  }

  /// The map as the contents of an SVG file.
  var svg: String {
    ChoiceMap(
      title: title, subtitle: subtitle,
      x: ChoiceMap.Axis(
        title: "Examples of a rank in a step, if all hosts compute",
        labels: StrategyMap.batches.map { "\($0)" }),
      y: ChoiceMap.Axis(
        title: "Bandwidth of a host's link", labels: StrategyMap.rates.map(StrategyMap.words)),
      choices: StrategyMap.kinds,
      fields: choices.map { line in
        line.map { ChoiceMap.Field(choice: $0.kind, label: StrategyMap.text(gain: $0.gain)) }
      }
    ).svg()
  }

  private static func text(gain: Double) -> String {
    gain < 99.5 ? gain.formatted(digits: gain < 1.995 ? 3 : 2) : "\(Int(gain.rounded()))"
  }

  private static func words(_ rate: Double) -> String {
    rate < 1
      ? "\((rate * 1000).formatted(digits: 3)) Mbit/s" : "\(rate.formatted(digits: 3)) Gbit/s"
  }
}
