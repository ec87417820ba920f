internal import AllReduceMPI
package import AllReduceNN

/// How long a step takes by a plan on some machines, layer by layer, before it runs.
///
/// The step is a schedule, not a sum: the backward pass in order, each layer's gradients on the link as soon as they
/// fill a bucket, conversions between layers waited for, new weights on their way under the next forward pass.
package struct StepPrediction: Sendable {
  /// A layer's part.
  package struct Layer: Sendable {
    /// Path and summary; "output" for what stands between the last layer and the loss.
    package let title: String
    /// Nil for layers on single elements.
    package let placement: Placement?
    package let cost: LayerCost
  }

  /// The plan, with each layer's placement, the grid and the update.
  package let plan: Plan
  /// The layers, in the order of the forward pass.
  package let layers: [Layer]
  /// Seconds of a step.
  package let seconds: Double
  /// Seconds of products and other work on numbers, updates included.
  package let computeSeconds: Double
  /// Seconds of all exchanges, hidden or not.
  package let exchangeSeconds: Double
  /// Seconds of updates, which are part of the computing.
  package let updateSeconds: Double
  /// Bytes of memory that a rank takes.
  package let peakBytes: Double
  /// The hosts that are used.
  package let hostsUsed: Int

  private let overlap: MachineProfile.Overlap

  /// The largest number of ranks whose bytes are counted one by one.
  private static let mostCounted = 64

  /// Seconds of exchanges that are overlapped with computation.
  package var hiddenSeconds: Double { max(0, computeSeconds + exchangeSeconds - seconds) }
  /// Bytes that a rank sends to other hosts in a step, the mean over the ranks.
  package var meanNetworkBytes: Double { layers.reduce(0) { $0 + $1.cost.bytes } }

  /// The memory of a process before it has a network, in bytes: the program, MPI, the BLAS.
  static let baseBytes = 40e6

  /// Predicts a step.
  ///
  /// - Parameters:
  ///   - plan: The plan of the step.
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - rows: Examples of a rank.
  ///   - optimizer: How weights change.
  ///   - profile: The machines; all their ranks take part.
  ///   - lossTakesShards: Whether the loss can be computed of outputs whose features are sharded.
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError``.
  package init(
    of plan: Plan, for root: any AllReduceNN.Layer<Float>, input: Shape, rows: Int,
    optimizer: any UpdateRule, on profile: MachineProfile, lossTakesShards: Bool = true
  ) throws {
    // Replicas that meet seldom are one rank each.
    let isLocal = !plan.meeting.isEveryStep
    let resolved = try PlanResolver.resolve(
      plan, for: root, input: input, ranks: isLocal ? 1 : profile.ranks,
      lossTakesShards: lossTakesShards)
    let update =
      plan.update ?? StepPrediction.usualUpdate(resolved, hosts: profile.ranksPerHost.count)
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

  /// The update that a trainer chooses by itself.
  static func usualUpdate(_ resolved: ResolvedPlan<Float>, hosts: Int) -> UpdateMode {
    if !resolved.isDataParallel { return .replicated }
    return hosts < resolved.grid.data * resolved.grid.model ? .shared : .sharded
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
    // A rank alone has one turn.
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
    clock.seconds += costs.lossSeconds(resolved.end.taken, classes: resolved.output.count)
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

  /// Bytes that each rank sends to other hosts in a step, as a run counts them.
  ///
  /// - Parameters:
  ///   - plan: The plan of the step.
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - rows: Examples of a rank.
  ///   - ranksPerHost: Where ranks are.
  ///   - lossTakesShards: Whether the loss can be computed of outputs whose features are sharded.
  /// - Returns: A number a rank; nil of more than 64 ranks, and of gradients that do not travel whole.
  /// - Throws: As ``init(of:for:input:rows:optimizer:on:lossTakesShards:)``.
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
    whole.update = plan.update ?? usualUpdate(resolved, hosts: ranksPerHost.count)
    return PlanTraffic.bytes(resolved, whole, rows: rows, ranksPerHost: ranksPerHost)
  }

  /// For each layer, the seconds of its exchanges that are hidden; nil where layers run in turns.
  package var hiddenSecondsByLayer: [Double]? {
    guard !plan.conversions.contains(where: { $0.order != .atOnce }) else { return nil }
    func total(without left: Int?) -> Double {
      var clock = StepClock()
      for index in layers.indices.reversed() {
        var cost = layers[index].cost
        if index == left {
          (cost.exchange, cost.gather) = (0, 0)
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
