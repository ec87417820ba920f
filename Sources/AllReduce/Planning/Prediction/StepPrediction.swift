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

  /// The most ranks whose bytes are counted one by one.
  private static let mostCounted = 64

  /// Seconds of exchanges behind which something is computed.
  package var hiddenSeconds: Double { max(0, computeSeconds + exchangeSeconds - seconds) }
  /// Bytes that a rank sends to other hosts in a step, the mean over the ranks.
  package var meanNetworkBytes: Double { layers.reduce(0) { $0 + $1.cost.bytes } }

  /// What a process takes before it has a network, in bytes: the program, MPI, the products' library.
  static let baseBytes = 40e6

  /// Predicts a step.
  ///
  /// - Parameters:
  ///   - plan: How it is taken.
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
  ///   - plan: How it is taken.
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

  /// Of each layer, how many seconds of its exchanges cost the step nothing; nil where layers run in turns.
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

  /// What stands behind a conversion that runs in turns: each turn's examples are on their way while the one before
  /// is computed, and the gradients of the one before, too.
  private static func inTurns(
    _ elements: [StepElement], _ found: inout [Layer], _ cut: Int, _ firstLearning: Int,
    _ costs: inout StepCosts
  ) -> StepClock {
    let turns = costs.setting.grid.model
    var turn = costs.ofTurn()
    guard let first = elements[cut].layer else { return StepClock() }
    // In turns the layers behind have fewer examples at once.
    var (clock, last) = (StepClock(), StepClock())
    for index in (cut..<elements.count).reversed() {
      guard let placed = elements[index].layer else {
        found[index] = Layer(
          title: elements[index].title, placement: nil,
          cost: turn.conversionOnly(elements[index].boundary, elements[index].shape))
        clock.add(found[index].cost, costs.overlap)
        last.add(found[index].cost, costs.overlap)
        continue
      }
      var cost = turn.cost(
        of: placed, placement: elements[index].placement, needsInputGradient: index > firstLearning)
      if index == cut {
        (cost.forwardConversion, cost.backwardConversion) = (
          LayerCost.ConversionCost(), LayerCost.ConversionCost()
        )
      }
      last.add(cost, costs.overlap)
      var alone = cost
      (alone.exchange, alone.gather, alone.update) = (0, 0, 0)
      clock.add(alone, costs.overlap)
      // In the table, all turns together.
      cost.passes.forward *= Double(turns)
      cost.passes.parameterGradients *= Double(turns)
      cost.passes.inputGradient *= Double(turns)
      found[index] = Layer(
        title: elements[index].title, placement: elements[index].placement, cost: cost)
    }
    let isBroadcast = first.run?.order == .broadcastInTurn
    var gather = costs.conversion(.gatherExamples, of: first.input, turns: turns)
    var scatter = costs.conversion(.scatterExamples, of: first.input, turns: turns)
    if isBroadcast {
      // One rank's link carries what all do otherwise.
      gather.seconds *= Double(turns - 1)
      scatter.seconds *= Double(turns - 1)
    }
    var step = StepClock(seconds: gather.seconds)
    for number in 0..<turns {
      let isLast = number == turns - 1
      let computed = isLast ? last.seconds : clock.seconds
      if gather.usesLink {
        step.pending = (isLast ? 0 : gather.seconds) + (number == 0 ? 0 : scatter.seconds)
        step.compute(computed, costs.overlap)
        step.seconds += step.pending
        step.pending = 0
      } else {
        step.seconds += computed + (isLast ? 0 : gather.seconds) + scatter.seconds
      }
    }
    if gather.usesLink { step.seconds += scatter.seconds }
    step.pending = last.pending
    step.gathering = last.gathering
    step.memory = last.memory + gather.memory * 3
    var cost = found[cut].cost
    for (path, one) in [
      (\LayerCost.forwardConversion, gather), (\LayerCost.backwardConversion, scatter),
    ] {
      cost[keyPath: path] = one
      cost[keyPath: path].seconds *= Double(turns)
      cost[keyPath: path].bytes *= Double(turns)
    }
    found[cut] = Layer(title: found[cut].title, placement: found[cut].placement, cost: cost)
    return step
  }
}

/// A layer, or what stands behind the last one, in the order of the forward pass.
struct StepElement {
  /// Nil where only a conversion stands.
  let layer: PlannedLayer<Float>?
  let placement: Placement?
  let boundary: Boundary
  let shape: Shape
  let title: String

  /// All of a network, those of branches one after the other.
  static func list(of resolved: ResolvedPlan<Float>) -> [StepElement] {
    var all = list(resolved.layers)
    if !resolved.end.isEmpty { all.append(StepElement(resolved.end, resolved.output, "output")) }
    return all
  }

  private static func list(_ layers: [PlannedLayer<Float>]) -> [StepElement] {
    layers.flatMap { layer -> [StepElement] in
      switch layer.content {
      case .single: return [StepElement(layer)]
      case .row(let inner): return list(inner)
      case .sum(let body, let shortcut):
        return [body, shortcut].flatMap { branch in
          list(branch.layers)
            + (branch.end.isEmpty
              ? [] : [StepElement(branch.end, branch.output, "\(layer.path) sum")])
        }
      }
    }
  }

  init(_ layer: PlannedLayer<Float>) {
    self.layer = layer
    if case .single(let placement) = layer.content {
      self.placement = placement
    } else {
      placement = nil
    }
    boundary = layer.boundary
    shape = layer.input
    title = layer.path.isEmpty ? layer.layer.summary : "\(layer.path) \(layer.layer.summary)"
  }

  private init(_ boundary: Boundary, _ shape: Shape, _ title: String) {
    (layer, placement) = (nil, nil)
    (self.boundary, self.shape, self.title) = (boundary, shape, title)
  }

  var learns: Bool { layer.map { !$0.layer.allParameters.isEmpty } ?? false }
}

extension StepCosts {
  /// The same with the examples of one turn in the place of a group's.
  func ofTurn() -> StepCosts {
    var turn = setting
    turn.groupRows = setting.rows
    return StepCosts(turn)
  }

  /// The loss, with its exchanges where outputs are sharded, and the totals of all ranks.
  func lossSeconds(_ layout: Layout, classes: Int) -> Double {
    let rows = Double(rows(layout))
    var seconds = setting.profile.seconds(.allReduce, bytes: 64, over: allRanks)
    if layout == .featureSharded {
      seconds += setting.profile.seconds(.allReduce, bytes: 4 * rows, over: model)
      seconds += setting.profile.seconds(.allReduce, bytes: 12 * rows, over: model)
    }
    let share = layout == .featureSharded ? setting.grid.model : 1
    return seconds + 24 * rows * Double(classes) / Double(share)
      / setting.profile.compute.memoryBytesPerSecond
  }

  /// What ranks with examples of their own take to tell each other the classes.
  var labelSeconds: Double {
    setting.profile.seconds(.allGather, bytes: 8 * Double(rows(.replicated)), over: model)
  }

  func conversionOnly(_ boundary: Boundary, _ shape: Shape) -> LayerCost {
    var cost = LayerCost()
    cost.forwardConversion = conversion(boundary.forward, of: shape)
    cost.backwardConversion = conversion(boundary.backward, of: shape)
    return cost
  }
}
