internal import AllReduceNN

/// A plan that can be run, with its predicted step.
package struct PlanCandidate: Sendable {
  /// "planned" for a plan from the search, otherwise the name of a strategy.
  package let name: String
  package let prediction: StepPrediction
  /// The profile of the machines that the plan uses.
  let profile: MachineProfile

  /// Whether another candidate has the same plan on the same hosts.
  func isLike(_ other: PlanCandidate) -> Bool {
    prediction.hostsUsed == other.prediction.hostsUsed
      && prediction.layers.map(\.placement) == other.prediction.layers.map(\.placement)
      && (prediction.plan.grid == other.prediction.plan.grid || isData && other.isData)
      && prediction.plan.compression.name == other.prediction.plan.compression.name
      && prediction.plan.meeting == other.prediction.plan.meeting
  }

  private var isData: Bool {
    prediction.layers.allSatisfy { $0.placement == nil || $0.placement == .data }
  }

  /// A short description of the plan: "grid 1 x 2, update sharded, columns rows rows".
  package var words: String {
    let placements = prediction.layers.compactMap(\.placement)
    var runs: [(placement: Placement, count: Int)] = []
    for placement in placements {
      if runs.last?.placement == placement {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((placement, 1))
      }
    }
    var words: [String] = []
    if let grid = prediction.plan.grid { words.append("grid \(grid)") }
    if let update = prediction.plan.update { words.append("update \(update.rawValue)") }
    words.append(
      runs.map { $0.count == 1 ? "\($0.placement)" : "\($0.count) \($0.placement)" }
        .joined(separator: " "))
    return words.joined(separator: ", ")
  }
}

/// The plan that was chosen, and the candidates that it was chosen from.
package struct PlannedTraining {
  let task: Planner.Task
  /// The allowed plan whose step is predicted to be fastest.
  package let best: PlanCandidate
  /// The next best candidate with a different plan; nil if there is none.
  package let runnerUp: PlanCandidate?
  /// The strategies by name, such as data parallelism, whether or not they fit the memory.
  package let pure: [PlanCandidate]
  /// The plans that change the result of training, such as by gradients in 16 bits.
  package let inexact: [PlanCandidate]
  /// Whether the search dropped plans, so that one of these may be even faster.
  package let isThinned: Bool

  /// Returns the bytes that each rank sends to other hosts in a step, for the ranks that the plan uses; nil for plans
  /// whose bytes are not counted.
  package func networkBytes(of candidate: PlanCandidate) -> [Int]? {
    try? StepPrediction.networkBytes(
      of: candidate.prediction.plan, for: task.root, input: task.input,
      rows: task.rows(ranks: candidate.profile.ranks),
      ranksPerHost: candidate.profile.ranksPerHost, lossTakesShards: task.lossTakesShards)
  }

  /// How much slower the runner-up is than the best plan, as a fraction of the best plan's time; nil without a
  /// runner-up.
  package var margin: Double? {
    runnerUp.map { $0.prediction.seconds / best.prediction.seconds - 1 }
  }

  /// Returns the factor by which links between hosts would have to be faster, or the batch larger, for the runner-up to
  /// win; nil if no factor from 1/64 to 64 suffices.
  package func turningPoint(_ change: Change) -> Double? {
    guard let runnerUp else { return nil }
    func isWon(_ factor: Double) -> Bool? {
      guard let a = seconds(best, change, factor), let b = seconds(runnerUp, change, factor) else {
        return nil
      }
      return b < a
    }
    for direction in [2.0, 0.5] {
      var (inside, outside) = (1.0, 1.0)
      for _ in 0..<6 {
        outside *= direction
        guard let won = isWon(outside) else { break }
        if won {
          for _ in 0..<20 {
            let middle = (inside * outside).squareRoot()
            if isWon(middle) ?? false { outside = middle } else { inside = middle }
          }
          return outside
        }
        inside = outside
      }
    }
    return nil
  }

  /// The settings whose change ``turningPoint(_:)`` examines.
  package enum Change: CaseIterable, Sendable {
    case bandwidth, batch
  }

  private func seconds(_ candidate: PlanCandidate, _ change: Change, _ factor: Double) -> Double? {
    let profile =
      change == .bandwidth ? candidate.profile.scalingNetwork(by: factor) : candidate.profile
    let rows = Double(task.rows(ranks: profile.ranks)) * (change == .batch ? factor : 1)
    guard rows >= 1 else { return nil }
    return try? StepPrediction(
      of: candidate.prediction.plan, for: task.root, input: task.input, rows: Int(rows.rounded()),
      optimizer: task.optimizer, on: profile, lossTakesShards: task.lossTakesShards
    ).seconds
  }
}
