internal import AllReduceMPI
internal import AllReduceNN

/// Determines the layouts of each layer's input and output in a network, and the conversions between layers.
///
/// A layer with a placement takes the layout that the placement needs. A layer on single elements takes the layout of
/// the layer before, except partial sums: these are summed before the layer, directly into the layout that the next
/// layer with a placement takes. So each conversion comes as late as possible.
struct PlanResolver<Scalar: NetworkScalar> {
  private let plan: Plan
  private let ranks: Int
  private var placements: [String: Placement] = [:]
  private var used: Set<String> = []
  private var hasSeenDense = false

  /// Resolves a plan for a network.
  ///
  /// - Parameters:
  ///   - plan: The plan to resolve.
  ///   - root: The network's root layer.
  ///   - input: The shape of one example's input.
  ///   - ranks: The number of ranks that run the plan.
  ///   - lossTakesShards: Whether the loss can be computed from outputs whose features are sharded.
  /// - Returns: The resolved plan: the layers, with the layouts that each takes and gives.
  /// - Throws: ``PlanError`` that names the layer, its placement, and the layouts; ``ShapeError``.
  static func resolve(
    _ plan: Plan, for root: any Layer<Scalar>, input: Shape, ranks: Int, lossTakesShards: Bool
  ) throws -> ResolvedPlan<Scalar> {
    let grid = try plan.grid(ranks: ranks)
    var resolver = PlanResolver(plan: plan, ranks: grid.model)
    if case .listed(let placements) = plan.layers { resolver.placements = placements }
    let members = Members(of: root)
    let layout = resolver.inputLayout(members)
    var (shape, current) = (input, layout)
    var layers = try resolver.place(members.layers, &shape, &current, wanted: nil)
    try resolver.checkAllUsed()
    let isLossOnShards = current == .featureSharded && lossTakesShards
    let wanted: Layout =
      current == .batchSharded ? current : isLossOnShards ? .featureSharded : .replicated
    let runs = try resolver.note(plan.conversions, in: &layers, output: current)
    var whole = plan
    whole.layers = .listed(resolver.placements.filter { resolver.used.contains($0.key) })
    whole.grid = grid
    whole.conversions = runs
    return ResolvedPlan(
      plan: whole, grid: grid, layers: layers, input: layout,
      end: Boundary(given: current, taken: wanted, gradient: wanted), output: shape)
  }

  private init(plan: Plan, ranks: Int) {
    self.plan = plan
    self.ranks = ranks
  }

  /// The layers of a ``Sequential`` with their paths; any other layer counts as a row of one layer.
  private struct Members {
    let layers: [(path: String, layer: any Layer<Scalar>)]

    init(of layer: any Layer<Scalar>, path: String = "") {
      guard let row = layer as? Sequential<Scalar> else {
        layers = [(path, layer)]
        return
      }
      layers = row.children.map { (path.isEmpty ? $0.name : "\(path).\($0.name)", $0.layer) }
    }
  }

  // MARK: Rows and sums

  private mutating func place(
    _ row: [(path: String, layer: any Layer<Scalar>)], _ shape: inout Shape,
    _ current: inout Layout,
    wanted: Layout?
  ) throws -> [PlannedLayer<Scalar>] {
    var placed: [PlannedLayer<Scalar>] = []
    for (index, (path, layer)) in row.enumerated() {
      let next = nextTaken(row[(index + 1)...]) ?? wanted
      placed.append(try place(layer, path, &shape, &current, wanted: next))
    }
    return placed
  }

  private mutating func place(
    _ layer: any Layer<Scalar>, _ path: String, _ shape: inout Shape, _ current: inout Layout,
    wanted: Layout?
  ) throws -> PlannedLayer<Scalar> {
    let input = shape
    if layer is Sequential<Scalar> {
      try refusePlacement(of: layer, path)
      let layers = try place(
        Members(of: layer, path: path).layers, &shape, &current, wanted: wanted)
      return PlannedLayer(
        path: path, layer: layer, content: .row(layers),
        boundary: .none(layers.first?.boundary.given ?? current), gives: current, input: input)
    }
    if let sum = layer as? Residual<Scalar> {
      try refusePlacement(of: layer, path)
      return try place(sum, path, &shape, &current, wanted: wanted)
    }
    let placement = try placement(of: layer, path, given: current, shape)
    let given = current
    shape = try layer.outputShape(for: input)
    if let placement {
      used.insert(path)
      let boundary = Boundary(
        given: given, taken: placement.takes, gradient: placement.inputGradient)
      try check(layer, path, placement, boundary, input: input, output: shape)
      // The output of a layer on single elements has the layout of its input.
      current = layer.worksOnElements ? placement.takes : placement.gives
      return PlannedLayer(
        path: path, layer: layer, content: .single(placement), boundary: boundary, gives: current,
        input: input)
    }
    if given == .partial {
      current = wanted ?? .replicated
      try checkFeatures(input, layer, path, current, given)
    }
    return PlannedLayer(
      path: path, layer: layer, content: .single(nil),
      boundary: Boundary(given: given, taken: current, gradient: current), gives: current,
      input: input)
  }

  private mutating func place(
    _ sum: Residual<Scalar>, _ path: String, _ shape: inout Shape, _ current: inout Layout,
    wanted: Layout?
  ) throws -> PlannedLayer<Scalar> {
    let (input, given) = (shape, current)
    let bodyRow = Members(of: sum.body, path: "\(path).body").layers
    // Both branches read the input, so partial sums are summed before the branches begin.
    let start = given == .partial ? nextTaken(bodyRow[...]) ?? wanted ?? .replicated : given
    try checkFeatures(input, sum, path, start, given)
    var (bodyShape, bodyEnd) = (input, start)
    let body = try place(bodyRow, &bodyShape, &bodyEnd, wanted: nil)
    var (besideShape, besideEnd) = (input, start)
    let beside = try sum.shortcut.map {
      try place(
        Members(of: $0, path: "\(path).shortcut").layers, &besideShape, &besideEnd, wanted: nil)
    }
    let end = besideEnd != .partial ? besideEnd : bodyEnd != .partial ? bodyEnd : .replicated
    try checkFeatures(bodyShape, sum, path, end, bodyEnd)
    (shape, current) = (try sum.outputShape(for: input), end)
    func branch(_ layers: [PlannedLayer<Scalar>], _ given: Layout) -> PlannedBranch<Scalar> {
      PlannedBranch(
        layers: layers, end: Boundary(given: given, taken: end, gradient: end), output: bodyShape)
    }
    return PlannedLayer(
      path: path, layer: sum,
      content: .sum(body: branch(body, bodyEnd), shortcut: branch(beside ?? [], besideEnd)),
      boundary: Boundary(given: given, taken: start, gradient: start), gives: end, input: input)
  }

  // MARK: Placements

  /// Whether a layer needs no placement: it works on single elements, or it is a batch norm of sharded features, which
  /// works on each feature separately.
  private func takesWhatComes(_ layer: any Layer<Scalar>, _ given: Layout) -> Bool {
    layer.worksOnElements || (layer is BatchNorm<Scalar> && given == .featureSharded)
  }

  private mutating func placement(
    of layer: any Layer<Scalar>, _ path: String, given: Layout, _ shape: Shape
  ) throws -> Placement? {
    let isDense = layer is Dense<Scalar>
    if isDense { hasSeenDense = true }
    switch plan.layers {
    case .listed:
      if let placement = placements[path] { return placement }
      if takesWhatComes(layer, given) { return nil }
      throw PlanError(
        "The plan has no placement for layer \(title(layer, path)), whose input layout is \(given): give it one; "
          + "only layers that work on single elements, and batch norm of sharded features, need none."
      )
    default:
      let placement = placement(byName: layer, given: given)
      if let placement { placements[path] = placement }
      return placement
    }
  }

  /// Returns the placement of a layer in a plan made by name; nil for a layer that needs none.
  private func placement(byName layer: any Layer<Scalar>, given: Layout) -> Placement? {
    if takesWhatComes(layer, given) { return nil }
    if plan.layers == .data { return .data }
    if plan.layers == .hybrid, !hasSeenDense { return .data }
    guard layer is Dense<Scalar> else { return .replicated }
    return given == .featureSharded ? .rows : .columns
  }

  /// Returns the layout that the first layer with a placement takes; nil if no layer has one.
  private func nextTaken(_ row: ArraySlice<(path: String, layer: any Layer<Scalar>)>) -> Layout? {
    for (path, layer) in row {
      if layer is Sequential<Scalar> {
        if let taken = nextTaken(Members(of: layer, path: path).layers[...]) { return taken }
      } else if let sum = layer as? Residual<Scalar> {
        if let taken = nextTaken(Members(of: sum.body, path: "\(path).body").layers[...]) {
          return taken
        }
      } else if case .listed = plan.layers {
        if let placement = placements[path] { return placement.takes }
      } else if layer is Dense<Scalar>, plan.layers == .hybrid, !hasSeenDense {
        return .replicated
      } else if let placement = placement(byName: layer, given: .replicated) {
        return placement.takes
      }
    }
    return nil
  }

  /// Returns the layout of the network's input: replicated if the first layer with a placement does not take
  /// batchSharded and the plan gathers no examples before it. Otherwise, for a hybrid plan, and if no layer has a
  /// placement, batchSharded.
  private func inputLayout(_ members: Members) -> Layout {
    if plan.layers == .hybrid { return .batchSharded }
    let taken = nextTaken(members.layers[...]) ?? .batchSharded
    if taken == .batchSharded { return taken }
    let first = firstPlaced(members.layers)
    return plan.conversions.contains { $0.before != nil && $0.before == first }
      ? .batchSharded : .replicated
  }

  private func firstPlaced(_ row: [(path: String, layer: any Layer<Scalar>)]) -> String? {
    row.first { placements[$0.path] != nil }?.path
  }

  // MARK: Checks

  private func title(_ layer: any Layer<Scalar>, _ path: String) -> String {
    path.isEmpty ? layer.summary : "\(path) (\(layer.summary))"
  }

  private func refusePlacement(of layer: any Layer<Scalar>, _ path: String) throws {
    guard let placement = placements[path] else { return }
    throw PlanError(
      "Layer \(title(layer, path)) cannot be placed by \(placement): it is made of layers, which are placed "
        + "one by one, such as \(path).\(layer.children.first?.name ?? "0").")
  }

  private func check(
    _ layer: any Layer<Scalar>, _ path: String, _ placement: Placement, _ boundary: Boundary,
    input: Shape, output: Shape
  ) throws {
    func refused(_ reason: String) -> PlanError {
      PlanError(
        "Layer \(title(layer, path)) cannot be placed by \(placement), which takes \(placement.takes) "
          + "activations; it was given \(boundary.given) ones of \(input). \(reason)")
    }
    if placement == .columns || placement == .rows {
      guard let dense = layer as? Dense<Scalar> else {
        throw refused("Only dense layers can be: data and replicated place any layer.")
      }
      let (count, what) =
        placement == .columns ? (dense.outputs, "outputs") : (dense.inputs, "inputs")
      guard count >= ranks else {
        throw refused("Its \(count) \(what) cannot be sharded over \(ranks) ranks.")
      }
    }
    try checkFeatures(input, layer, path, boundary.taken, boundary.given)
  }

  /// Checks that activations that a layer takes sharded by features can be sharded so, or are already.
  private func checkFeatures(
    _ shape: Shape, _ layer: any Layer<Scalar>, _ path: String, _ taken: Layout, _ given: Layout
  ) throws {
    guard taken == .featureSharded, given != .featureSharded else { return }
    guard shape.rank == 1, shape.count >= ranks else {
      throw PlanError(
        "Layer \(title(layer, path)) takes featureSharded activations; it was given \(given) ones of "
          + "\(shape), whose features cannot be sharded over \(ranks) ranks.")
    }
  }

  private func checkAllUsed() throws {
    guard let path = placements.keys.filter({ !used.contains($0) }).min() else { return }
    throw PlanError(
      "The plan places layer \(path) by \(placements[path] ?? .data), but the network has no such layer."
    )
  }
}
