import AllReduce
import ExampleSupport

/// Predicted scaling: how many times faster than one rank a network trains with each strategy, for a growing number of
/// hosts.
struct ScalingCurves {
  private struct Line {
    let name: String
    var points: [(x: Double, y: Double)]
  }

  private let lines: [Line]
  private let ranks: [Int]
  private let title: String
  private let subtitle: String

  /// Computes the curves for 1, 2, 4, ... hosts, up to all of them.
  ///
  /// - Parameters:
  ///   - name: The network's name.
  ///   - figures: The figures that describe the machines.
  ///   - batch: The number of examples per step, over all ranks if `isGlobal`, otherwise per rank.
  ///   - task: Creates the planner's task for the given machines and global batch size.
  /// - Throws: ``ProfileError`` if no plan fits into memory; any error that `task` throws.
  init(
    of name: String, on figures: MachineProfile.Figures, batch: (count: Int, isGlobal: Bool),
    task: (MachineProfile, Int) throws -> Planner.Task
  ) throws {
    let whole = MachineProfile.byHand(figures)
    var hosts = Array(sequence(first: 1) { $0 < figures.hosts ? $0 * 2 : nil })
    hosts[hosts.count - 1] = figures.hosts
    // The speed of a single rank, by which all other speeds are divided.
    var alone = figures
    (alone.hosts, alone.ranksPerHost) = (1, 1)
    var first = try Planner(try task(.byHand(alone), batch.count))
    let speed = Double(batch.count) / (try first.run()).best.prediction.seconds

    let named: [(String, Plan)] = [
      ("data", .dataParallel), ("model", .modelParallel), ("hybrid", .hybrid()),
    ]
    var lines = (["best plan"] + named.map(\.0)).map { Line(name: $0, points: []) }
    for count in hosts {
      let machines = whole.usingHosts(count)
      let examples = batch.isGlobal ? batch.count : batch.count * machines.ranks
      var task = try task(machines, examples)
      task.mayLeaveHosts = false
      var planner = try Planner(task)
      let best = try planner.run().best.prediction.seconds
      let times = [best] + named.map { ScalingCurves.seconds($0.1, task) }
      for (index, seconds) in times.enumerated() {
        guard let seconds else { continue }
        lines[index].points.append((Double(machines.ranks), Double(examples) / seconds / speed))
      }
    }
    self.lines = lines
    ranks = hosts.map { $0 * figures.ranksPerHost }
    title =
      "\(batch.isGlobal ? "Strong" : "Weak") scaling of \(name), \(batch.count) examples "
      + (batch.isGlobal ? "a step of all ranks" : "a step of each rank")
    subtitle =
      "Predicted: \((figures.operationsPerSecond / 1e9).formatted(digits: 4)) GFLOP/s a rank, links of "
      + "\((figures.linkBytesPerSecond / 125e6).formatted(digits: 3)) Gbit/s, latency "
      + "\(Seconds(figures.linkLatency).text), ranks a host: \(figures.ranksPerHost); "
      + "each strategy with the update that is fastest."
  }

  /// Returns the seconds per step of a plan, with the update mode that is fastest for it; nil if the plan cannot run.
  private static func seconds(_ plan: Plan, _ task: Planner.Task) -> Double? {
    UpdateMode.allCases.compactMap { update in
      var plan = plan
      plan.update = update
      let ranks = task.profile.ranks
      return try? StepPrediction(
        of: plan, for: task.root, input: task.input,
        rows: (task.globalBatchSize + ranks - 1) / ranks, optimizer: task.optimizer,
        on: task.profile
      ).seconds
    }.min()
  }

  /// The table of the curves: a row for each number of ranks.
  var table: TextTable {
    var table = TextTable(titles: ["ranks"] + lines.map(\.name), alignments: [])
    for count in ranks {
      table.add(
        ["\(count)"]
          + lines.map { line in
            line.points.first { $0.x == Double(count) }.map(ScalingCurves.text) ?? "-"
          })
    }
    return table
  }

  private static func text(_ point: (x: Double, y: Double)) -> String {
    point.y < 999.5 ? point.y.formatted(digits: 3) : Int(point.y.rounded()).grouped
  }

  /// The curves as the contents of an SVG file.
  var svg: String {
    let ideal = LineChart.Series(
      name: "ideal: p times at p ranks", points: ranks.map { (Double($0), Double($0)) },
      kind: .yardstick)
    return LineChart(
      title: title, subtitle: subtitle,
      x: LineChart.Axis(title: "Ranks", base: 2) { Int($0.rounded()).grouped },
      y: LineChart.Axis(title: "Times as many examples a second as 1 rank", base: 2) {
        $0 < 1 ? $0.formatted(digits: 3) : Int($0.rounded()).grouped
      },
      series: lines.map { LineChart.Series(name: $0.name, points: $0.points) } + [ideal]
    ).svg()
  }
}
