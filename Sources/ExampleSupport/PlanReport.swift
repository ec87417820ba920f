package import AllReduce
import Foundation

/// The report on a planned training, for people and for programs: each layer's placement and costs, and the
/// alternatives.
package struct PlanReport {
  private let planned: PlannedTraining

  package init(_ planned: PlannedTraining) { self.planned = planned }

  private var best: StepPrediction { planned.best.prediction }

  // MARK: For people

  /// The report for people: tables and sentences.
  package var text: String {
    ([layers.text, strategies.text] + sentences).joined(separator: "\n\n")
  }

  /// A table with a row for each layer.
  package var layers: TextTable {
    var table = TextTable(
      titles: [
        "layer", "placement", "parameters", "sent", "compute ms", "exchange ms", "hidden ms",
      ], alignments: [.left, .left])
    let hidden = best.hiddenSecondsByLayer
    for (number, layer) in best.layers.enumerated() {
      let cost = layer.cost
      table.add([
        layer.title, layer.placement.map { "\($0)" } ?? "-", cost.parameters.grouped,
        PlanReport.bytes(cost.bytes), PlanReport.milliseconds(cost.compute + cost.update),
        PlanReport.milliseconds(cost.exchanges),
        hidden.map { PlanReport.milliseconds($0[number]) } ?? "-",
      ])
    }
    table.add([
      "step of \(PlanReport.milliseconds(best.seconds)) ms", "",
      best.layers.reduce(0) { $0 + $1.cost.parameters }.grouped,
      PlanReport.bytes(best.meanNetworkBytes), PlanReport.milliseconds(best.computeSeconds),
      PlanReport.milliseconds(best.exchangeSeconds),
      PlanReport.milliseconds(best.hiddenSeconds),
    ])
    return table
  }

  /// A table with a row for the plan, the runner-up and each strategy that has a name.
  package var strategies: TextTable {
    var table = TextTable(
      titles: ["", "hosts", "step ms", "compute ms", "exchange ms", "sent", "memory"],
      alignments: [.left])
    func add(_ name: String, _ candidate: PlanCandidate) {
      let prediction = candidate.prediction
      table.add([
        name, "\(prediction.hostsUsed)", PlanReport.milliseconds(prediction.seconds),
        PlanReport.milliseconds(prediction.computeSeconds),
        PlanReport.milliseconds(prediction.exchangeSeconds),
        PlanReport.bytes(prediction.meanNetworkBytes), PlanReport.bytes(prediction.peakBytes),
      ])
    }
    add("this plan: \(planned.best.words)", planned.best)
    if let second = planned.runnerUp { add("runner-up: \(second.words)", second) }
    for candidate in planned.pure { add(candidate.name, candidate) }
    for candidate in planned.inexact { add("(inexact) \(candidate.name)", candidate) }
    return table
  }

  private var sentences: [String] {
    var sentences: [String] = []
    if let margin = planned.margin {
      var sentence =
        "The runner-up takes \((margin * 100).formatted(decimals: 1))% longer."
      let bandwidth = planned.turningPoint(.bandwidth), batch = planned.turningPoint(.batch)
      if let bandwidth {
        sentence +=
          " It would win with links \(PlanReport.factor(bandwidth)) as fast."
      }
      if let batch {
        sentence += " It would win with a batch \(PlanReport.factor(batch)) as large."
      }
      if bandwidth == nil, batch == nil {
        sentence += " No other rate of the links or batch within a factor of 64 lets it win."
      }
      sentences.append(sentence)
    }
    if !planned.inexact.isEmpty {
      sentences.append(
        "Inexact strategies change what is learned; they are chosen only with --allow-inexact.")
    }
    if planned.isThinned {
      sentences.append(
        "The search dropped some plans for being too many: another may be faster still.")
    }
    return sentences
  }

  private static func factor(_ value: Double) -> String {
    "\(value.formatted(digits: 3)) times"
  }

  private static func milliseconds(_ seconds: Double) -> String {
    (seconds * 1000).formatted(decimals: 3)
  }

  private static func bytes(_ count: Double) -> String {
    let units: [(String, Double)] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
    for (name, size) in units where count >= size {
      return "\((count / size).formatted(digits: 3)) \(name)"
    }
    return "\(Int(count)) B"
  }

  // MARK: For programs

  /// The report as JSON, in the format that `docs/schemas.md` describes.
  package var json: String {
    var members: [(String, JSONValue)] = [
      ("plan", best.plan.jsonValue), ("hosts_used", .integer(best.hostsUsed)),
    ]
    members += figures(planned.best)
    members.append(
      (
        "layers",
        .list(
          best.layers.map { layer in
            .object([
              ("layer", .text(layer.title)),
              ("placement", layer.placement.map { .text("\($0)") } ?? .null),
              ("parameters", .integer(layer.cost.parameters)),
              ("network_bytes", .number(layer.cost.bytes)),
              ("compute_seconds", .number(layer.cost.compute + layer.cost.update)),
              ("exchange_seconds", .number(layer.cost.exchanges)),
            ])
          })
      ))
    members.append(
      (
        "alternatives",
        .list(
          ((planned.runnerUp.map { [("runner-up", $0)] } ?? [])
            + (planned.pure + planned.inexact).map { ($0.name, $0) }).map { name, candidate in
              .object(
                [
                  ("name", .text(name)), ("plan", candidate.prediction.plan.jsonValue),
                  ("hosts_used", .integer(candidate.prediction.hostsUsed)),
                ] + figures(candidate))
            })
      ))
    members.append(("margin", .number(orNull: planned.margin)))
    members.append(
      ("runner_up_wins_at_bandwidth", .number(orNull: planned.turningPoint(.bandwidth))))
    members.append(("runner_up_wins_at_batch", .number(orNull: planned.turningPoint(.batch))))
    return JSONValue.object(members).encoded()
  }

  private func figures(_ candidate: PlanCandidate) -> [(String, JSONValue)] {
    let prediction = candidate.prediction
    return [
      ("step_seconds", .number(prediction.seconds)),
      ("compute_seconds", .number(prediction.computeSeconds)),
      ("exchange_seconds", .number(prediction.exchangeSeconds)),
      ("hidden_seconds", .number(prediction.hiddenSeconds)),
      ("peak_bytes", .integer(Int(prediction.peakBytes))),
      (
        "network_bytes",
        planned.networkBytes(of: candidate).map { .integers($0) } ?? .null
      ),
    ]
  }
}
