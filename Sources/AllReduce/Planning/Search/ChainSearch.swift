internal import AllReduceNN

/// A search for the fastest plan of one grid and one update mode, by dynamic programming over the chain of layers.
///
/// A state is a layer with its placement, and each path to a state has a ``StepClock``. A state keeps the clocks that
/// no other clock beats in every figure (the Pareto front), so the search finds the fastest plan of all. If a state has
/// more than `most` clocks, the slowest are dropped, and the plan that is found may not be the fastest.
struct ChainSearch {
  /// A plan that was found: the placements by layer path, and the step's clock.
  struct Found {
    let placements: [String: Placement]
    let clock: StepClock
  }

  /// A way to place a layer, with the layouts of the layer's input, output and input gradient.
  private struct Option {
    /// The placement; nil for batch norm on sharded features, which keeps the layout of its input.
    let placement: Placement?
    let takes: Layout
    let gives: Layout
    let inputGradient: Layout

    init(_ placement: Placement) {
      self.placement = placement
      (takes, gives, inputGradient) = (placement.takes, placement.gives, placement.inputGradient)
    }

    /// Batch norm on sharded features, without a placement.
    static let features = Option()

    private init() {
      placement = nil
      (takes, gives, inputGradient) = (.featureSharded, .featureSharded, .featureSharded)
    }
  }

  private struct Label {
    var clock: StepClock
    /// The index of the next layer's option.
    let option: Int
    /// The index of the next layer's label, within that option.
    let label: Int
  }

  private let chain: LayerChain
  private let limit: Double?
  private let most: Int
  private var costs: StepCosts
  private let options: [[Option]]
  /// The costs of a kind of node after a layout; nil where the node cannot follow the layout.
  private var known: [Place: [LayerCost]?] = [:]

  private struct Place: Hashable {
    let kind: Int
    let takes: Layout
    let placement: Placement?
    let given: Layout
  }

  /// Whether clocks were dropped because there were too many.
  private(set) var isThinned = false

  /// Creates a search.
  ///
  /// - Parameters:
  ///   - chain: The network's layers.
  ///   - costs: The costs of layers on the grid.
  ///   - limit: The largest number of bytes of memory that a rank may use; nil for no limit.
  ///   - most: The largest number of clocks that a state keeps.
  init(_ chain: LayerChain, _ costs: StepCosts, memory limit: Double?, most: Int) {
    (self.chain, self.costs, self.limit, self.most) = (chain, costs, limit, most)
    let size = costs.setting.grid.model
    options = chain.nodes.map { node in
      if size == 1 { return [Option(.data)] }
      var options = [Option(.data), Option(.replicated)]
      if let dense = node.layer as? Dense<Float> {
        if dense.outputs >= size { options.append(Option(.columns)) }
        if dense.inputs >= size { options.append(Option(.rows)) }
      }
      if node.layer is BatchNorm<Float> { options.append(.features) }
      return options
    }
  }

  /// Searches for the fastest plan.
  ///
  /// - Returns: The plan; nil if no plan fits the memory.
  mutating func run() -> Found? {
    guard let last = chain.nodes.indices.last else { return nil }
    var states: [[[Label]]] = Array(repeating: [], count: chain.nodes.count)
    states[last] = options[last].map { option in
      [Label(clock: end(option), option: -1, label: -1)]
    }
    for index in stride(from: last, to: 0, by: -1) {
      states[index - 1] = options[index - 1].map { before in
        var labels: [Label] = []
        for (number, option) in options[index].enumerated() {
          guard let costs = step(index, option, given: before.gives) else { continue }
          for (place, label) in states[index][number].enumerated() {
            add(costs, to: label.clock, number, place, &labels)
          }
        }
        return kept(labels)
      }
    }
    var first: [Label] = []
    for (number, option) in options[0].enumerated() {
      let input: Layout = option.takes == .batchSharded ? .batchSharded : .replicated
      guard let costs = step(0, option, given: input) else { continue }
      let isTold = input == .batchSharded && self.costs.setting.grid.model > 1
      for (place, label) in states[0][number].enumerated() {
        var clock = label.clock
        if isTold { clock.seconds += self.costs.labelSeconds }
        add(costs, to: clock, number, place, &first)
      }
    }
    guard let best = first.min(by: { $0.clock.total < $1.clock.total }) else { return nil }
    return Found(placements: placements(best, states), clock: best.clock)
  }

  // MARK: Labels

  private func add(
    _ costs: [LayerCost], to clock: StepClock, _ option: Int,
    _ label: Int, _ labels: inout [Label]
  ) {
    var clock = clock
    for cost in costs { clock.add(cost, self.costs.overlap) }
    if let limit, clock.memory + StepPrediction.baseBytes > limit { return }
    labels.append(Label(clock: clock, option: option, label: label))
  }

  /// Returns the labels whose clocks no other clock beats in every figure, at most `most` of them.
  private mutating func kept(_ labels: [Label]) -> [Label] {
    var kept: [Label] = []
    for label in labels.sorted(by: { $0.clock.total < $1.clock.total }) {
      if !kept.contains(where: { $0.clock.isAhead(of: label.clock, inMemory: limit != nil) }) {
        kept.append(label)
      }
    }
    if kept.count > most {
      isThinned = true
      // The clock with the least memory stays; otherwise, perhaps no plan would fit.
      let least = kept.min { $0.clock.memory < $1.clock.memory }
      kept.removeLast(kept.count - most)
      if limit != nil, let least, !kept.contains(where: { $0.clock == least.clock }) {
        kept[kept.count - 1] = least
      }
    }
    return kept
  }

  private func placements(_ first: Label, _ states: [[[Label]]]) -> [String: Placement] {
    var placements: [String: Placement] = [:]
    var (option, label) = (first.option, first.label)
    for index in chain.nodes.indices {
      if let placement = options[index][option].placement {
        for single in chain.nodes[index].singles where !single.isFree {
          placements[single.path] = placement
        }
      }
      let next = states[index][option][label]
      (option, label) = (next.option, next.label)
    }
    return placements
  }

  // MARK: Costs

  /// Returns the costs of a layer that takes the layout `given`, and of the element-wise layers before it, from the
  /// last to the first; nil if the layer cannot follow that layout.
  private mutating func step(
    _ index: Int, _ option: Option, given: Layout
  ) -> [LayerCost]? {
    let place = Place(
      kind: chain.kinds[index], takes: option.takes, placement: option.placement, given: given)
    if let found = known[place] { return found }
    let found = newStep(index, option, given: given)
    known[place] = .some(found)
    return found
  }

  private mutating func newStep(
    _ index: Int, _ option: Option, given: Layout
  ) -> [LayerCost]? {
    let node = chain.nodes[index]
    if option.placement == nil, given != .featureSharded { return nil }
    if option.takes == .featureSharded, given != .featureSharded,
      node.input.rank != 1 || node.input.count < costs.setting.grid.model
    {
      return nil
    }
    guard let (front, current) = free(chain.between[index], given: given, wanted: option.takes)
    else { return nil }
    var all: [LayerCost] = []
    // Both branches of a sum take the input in their own layout.
    let twice = Boundary(given: current, taken: option.takes, gradient: option.inputGradient)
    if node.layer is Residual<Float>, !twice.isEmpty {
      all.append(costs.conversionOnly(twice, node.input))
    }
    for (number, single) in node.singles.enumerated().reversed() {
      let boundary =
        number == 0
        ? Boundary(given: current, taken: option.takes, gradient: option.inputGradient)
        : Boundary.none(option.takes)
      let placement = single.isFree ? nil : option.placement
      all.append(
        costs.cost(
          of: PlannedLayer(
            path: single.path, layer: single.layer, content: .single(placement),
            boundary: boundary, gives: option.gives, input: single.input),
          placement: placement, needsInputGradient: single.needsInputGradient))
    }
    return all + front
  }

  /// Returns the costs of element-wise layers, from the last to the first, and the layout of their output. The layers
  /// keep the layout of their input, except that partial sums are completed first. Nil if features cannot be sharded.
  private mutating func free(
    _ singles: [LayerChain.Single], given: Layout, wanted: Layout
  ) -> (costs: [LayerCost], gives: Layout)? {
    var current = given
    var all: [LayerCost] = []
    for single in singles {
      let before = current
      if current == .partial { current = wanted }
      if current == .featureSharded, before != .featureSharded,
        single.input.rank != 1 || single.input.count < costs.setting.grid.model
      {
        return nil
      }
      all.append(
        costs.cost(
          of: PlannedLayer(
            path: single.path, layer: single.layer, content: .single(nil),
            boundary: Boundary(given: before, taken: current, gradient: current),
            gives: current, input: single.input),
          placement: nil, needsInputGradient: single.needsInputGradient))
    }
    return (all.reversed(), current)
  }

  /// Returns the clock of all that follows the last placed layer: element-wise layers, a conversion, and the loss.
  private mutating func end(_ option: Option) -> StepClock {
    guard
      let (trailing, current) = free(
        chain.between[chain.nodes.count], given: option.gives, wanted: .replicated)
    else { return StepClock(seconds: .infinity) }
    let isSharded = current == .featureSharded
    let taken: Layout = current == .batchSharded || isSharded ? current : .replicated
    var clock = StepClock()
    let boundary = Boundary(given: current, taken: taken, gradient: taken)
    if !boundary.isEmpty {
      clock.add(costs.conversionOnly(boundary, chain.output), costs.overlap)
    }
    for cost in trailing { clock.add(cost, costs.overlap) }
    clock.seconds +=
      costs.lossSeconds(taken, classes: chain.output.count) + costs.totalsSeconds(taken)
    return clock
  }
}
