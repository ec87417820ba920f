internal import AllReduceMPI
package import AllReduceNN

/// A prediction of how long a step with a plan takes on some machines, layer by layer, before it runs.
///
/// The step is simulated as a schedule, not added up. The backward pass runs in order; each layer's gradients are sent
/// as soon as they fill a bucket; ranks wait for conversions between layers; and new weights are gathered during the
/// next forward pass.
package struct StepPrediction: Sendable {
  /// A layer's part of the prediction.
  package struct Layer: Sendable {
    /// The layer's path and summary; "output" for the conversion between the last layer and the loss.
    package let title: String
    /// The layer's placement; nil for element-wise layers.
    package let placement: Placement?
    package let cost: LayerCost
  }

  /// The plan, with the placement of each layer, the grid and the update mode filled in.
  package let plan: Plan
  /// The predictions for the layers, in the order of the forward pass.
  package let layers: [Layer]
  /// The seconds of a step.
  package let seconds: Double
  /// The seconds of computation: matrix products, other work on numbers, and updates.
  package let computeSeconds: Double
  /// The seconds of all exchanges, whether or not computation hides them.
  package let exchangeSeconds: Double
  /// The seconds of updates, which ``computeSeconds`` includes.
  package let updateSeconds: Double
  /// The number of bytes of memory that a rank uses.
  package let peakBytes: Double
  /// The number of hosts that are used.
  package let hostsUsed: Int

  private let overlap: MachineProfile.Overlap

  /// The largest number of ranks for which sent bytes are counted rank by rank.
  private static let mostCounted = 64

  /// The seconds of exchanges that are overlapped with computation.
  package var hiddenSeconds: Double { max(0, computeSeconds + exchangeSeconds - seconds) }
  /// The number of bytes that a rank sends to other hosts in a step, as the mean over the ranks.
  package var meanNetworkBytes: Double { layers.reduce(0) { $0 + $1.cost.bytes } }

  /// The memory that a process uses before it creates a network, in bytes: for the program, MPI and the BLAS.
  static let baseBytes = 40e6

  /// Predicts the time and memory of a step.
  ///
  /// - Parameters:
  ///   - plan: The plan of the step.
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - rows: The number of examples per rank.
  ///   - optimizer: The rule by which weights are updated.
  ///   - profile: The machines; all their ranks take part.
  ///   - lossTakesShards: Whether the loss can be computed from outputs whose features are sharded.
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError``.
  package init(
    of plan: Plan, for root: any AllReduceNN.Layer<Float>, input: Shape, rows: Int,
    optimizer: any UpdateRule, on profile: MachineProfile, lossTakesShards: Bool = true
  ) throws {
    // Replicas that synchronize only every few steps train as one rank each.
    let isLocal = !plan.meeting.isEveryStep
    let resolved = try PlanResolver.resolve(
      plan, for: root, input: input, ranks: isLocal ? 1 : profile.ranks,
      lossTakesShards: lossTakesShards)
    let update =
      plan.update
      ?? .usual(
        for: resolved, hosts: profile.ranksPerHost.count,
        ranks: resolved.grid.data * resolved.grid.model)
    var whole = resolved.plan
    whole.update = update
    var setting = StepCosts.Setting(
      profile: profile, grid: resolved.grid, update: update, rows: rows,
      vectors: optimizer.vectorCount, bucketBytes: plan.bucketBytes, overlaps: plan.overlap)
    if plan.compression.wireFormat != .full { setting.wireShare = 0.5 }
    var costs = StepCosts(setting)
    var meeting = 0.0
    if isLocal, case .steps(let steps) = plan.meeting.every {
      let all = RankGroup(count: profile.ranks, stride: 1, ranksPerHost: profile.ranksPerHost)
      let bytes = 4 * root.allParameters.reduce(0.0) { $0 + Double($1.shape.count) }
      meeting = profile.seconds(.allReduce, bytes: bytes, over: all) / Double(max(steps, 1))
    }
    self.init(resolved, whole, &costs, meeting: meeting)
  }

  private init(
    _ resolved: ResolvedPlan<Float>, _ plan: Plan, _ costs: inout StepCosts, meeting: Double
  ) {
    let elements = StepElement.list(of: resolved)
    let firstLearning = elements.firstIndex { $0.learns } ?? elements.count
    var found: [Layer] = []
    for (index, element) in elements.enumerated() {
      let placed = element.layer
      var cost = LayerCost()
      if let placed {
        cost = costs.cost(
          of: placed, placement: element.placement, needsInputGradient: index > firstLearning)
      } else {
        cost.forwardConversion = costs.conversion(element.boundary.forward, of: element.shape)
        cost.backwardConversion = costs.conversion(element.boundary.backward, of: element.shape)
      }
      found.append(Layer(title: element.title, placement: element.placement, cost: cost))
    }
    // A single rank has only one turn.
    let cut =
      costs.setting.grid.model > 1
      ? elements.firstIndex { ($0.layer?.run?.order ?? .atOnce) != .atOnce } : nil
    var clock = StepClock()
    if let cut {
      clock = StepPrediction.inTurns(elements, &found, cut, firstLearning, &costs)
    }
    for index in (0..<(cut ?? elements.count)).reversed() {
      clock.add(found[index].cost, costs.overlap)
    }
    let (layout, classes) = (resolved.end.taken, resolved.output.count)
    if cut == nil {
      clock.seconds += costs.lossSeconds(layout, classes: classes)
    } else {
      clock.seconds +=
        costs.ofTurn().lossSeconds(layout, classes: classes) * Double(costs.setting.grid.model)
    }
    clock.seconds += costs.totalsSeconds(layout)
    if resolved.input == .batchSharded, !resolved.isDataParallel {
      clock.seconds += costs.labelSeconds
    }
    self.plan = plan
    layers = found
    seconds = clock.total + meeting
    updateSeconds = found.reduce(0) { $0 + $1.cost.update }
    computeSeconds = found.reduce(0) { $0 + $1.cost.compute + $1.cost.update }
    exchangeSeconds = found.reduce(meeting) { $0 + $1.cost.exchanges }
    peakBytes = clock.memory + StepPrediction.baseBytes
    hostsUsed = costs.setting.profile.ranksPerHost.count
    overlap = costs.overlap
  }

  /// Returns the number of bytes that each rank sends to other hosts in a step, as a run counts them.
  ///
  /// - Parameters:
  ///   - plan: The plan of the step.
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - rows: The number of examples per rank.
  ///   - ranksPerHost: The number of ranks on each host.
  ///   - lossTakesShards: Whether the loss can be computed from outputs whose features are sharded.
  /// - Returns: One number for each rank; nil for more than 64 ranks, for gradients that are compressed, and for
  ///   replicas that do not synchronize in every step.
  /// - Throws: The errors of ``init(of:for:input:rows:optimizer:on:lossTakesShards:)``.
  package static func networkBytes(
    of plan: Plan, for root: any AllReduceNN.Layer<Float>, input: Shape, rows: Int,
    ranksPerHost: [Int], lossTakesShards: Bool = true
  ) throws -> [Int]? {
    let ranks = ranksPerHost.reduce(0, +)
    guard plan.compression.name == WholeGradient(as: .full).name, plan.meeting.isEveryStep,
      ranks <= mostCounted
    else { return nil }
    let resolved = try PlanResolver.resolve(
      plan, for: root, input: input, ranks: ranks, lossTakesShards: lossTakesShards)
    var whole = resolved.plan
    whole.update =
      plan.update ?? .usual(for: resolved, hosts: ranksPerHost.count, ranks: ranks)
    return PlanTraffic.bytes(resolved, whole, rows: rows, ranksPerHost: ranksPerHost)
  }

  /// For each layer, the seconds of its exchanges that computation hides; nil if a conversion runs in turns (on a part
  /// of the ranks' examples at a time).
  package var hiddenSecondsByLayer: [Double]? {
    guard !plan.conversions.contains(where: { $0.order != .atOnce }) else { return nil }
    func total(without left: Int?) -> Double {
      var clock = StepClock()
      for index in layers.indices.reversed() {
        var cost = layers[index].cost
        if index == left {
          (cost.exchange, cost.gather, cost.statistics) = (0, 0, (0, 0))
          cost.forwardConversion.seconds = 0
          cost.backwardConversion.seconds = 0
        }
        clock.add(cost, overlap)
      }
      return clock.total
    }
    let whole = total(without: nil)
    return layers.indices.map { index in
      max(0, layers[index].cost.exchanges - (whole - total(without: index)))
    }
  }
}
