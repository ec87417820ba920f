package import AllReduceNN

/// Finds the plan by which a network trains fastest on some machines, and says why.
///
/// For each number of hosts, each grid and each kind of update the placements that take least are found exactly, up to
/// what a prediction knows (``ChainSearch``); hosts, grids and updates are tried one by one, and what remains, the
/// order in which examples are gathered, on the best of these alone: that part is a search, not a proof.
///
/// Only plans whose mathematics is that of one rank with the whole batch are chosen, unless inexact ones are allowed:
/// gradients in 16 bits, and replicas that meet every few steps.
package struct Planner {
  /// The network to train, and the machines.
  package struct Task {
    /// The network's layers.
    package let root: any Layer<Float>
    /// The shape of one example's input.
    package let input: Shape
    /// Examples of all ranks a step, however many hosts are used.
    package let globalBatchSize: Int
    /// How weights change.
    package let optimizer: any UpdateRule
    /// The machines.
    package let profile: MachineProfile
    /// The largest number of bytes of memory of a rank; nil for any.
    package var memory: Double?
    /// Whether a plan may leave hosts idle.
    package var mayLeaveHosts = true
    /// Whether examples may be gathered in turns.
    package var mayTakeTurns = true
    /// Whether a plan may change what is learned.
    package var allowsInexact = false
    /// Whether the loss can be computed of outputs whose features are sharded.
    package var lossTakesShards = true

    package init(
      _ root: any Layer<Float>, input: Shape, globalBatchSize: Int, optimizer: any UpdateRule,
      on profile: MachineProfile
    ) {
      (self.root, self.input, self.globalBatchSize) = (root, input, globalBatchSize)
      (self.optimizer, self.profile) = (optimizer, profile)
    }

    /// Examples of each of `ranks` ranks.
    func rows(ranks: Int) -> Int { (globalBatchSize + ranks - 1) / ranks }
  }

  /// The largest number of clocks that a search keeps for a state, over all layers.
  private static let mostClocks = 12_000
  /// The largest number of plans from the searches that are predicted layer by layer.
  private static let mostPredicted = 12

  /// The result of one search.
  private struct Found {
    let seconds: Double
    let plan: Plan
    let profile: MachineProfile
  }

  let task: Task
  private let chain: LayerChain
  /// Whether a search dropped plans for being too many: then another may be faster.
  private(set) var isThinned = false

  /// Prepares to plan.
  ///
  /// - Throws: ``ShapeError`` if the layers do not fit.
  package init(_ task: Task) throws {
    self.task = task
    chain = try LayerChain(task.root, input: task.input)
  }

  /// Finds the plan.
  ///
  /// - Returns: It, what it was chosen from, and what would have to change.
  /// - Throws: ``ProfileError`` if no plan fits the memory, with by how much and what would help.
  package mutating func run() throws -> PlannedTraining {
    var found: [Found] = []
    for hosts in hostCounts() {
      let profile = task.profile.usingHosts(hosts)
      if let least = found.map(\.seconds).min(), idealSeconds(on: profile) > least { continue }
      for grid in grids(profile.ranks) {
        for update in updates(grid) {
          if let plan = search(grid, update, profile) { found.append(plan) }
        }
      }
    }
    found.sort { $0.seconds < $1.seconds }
    var candidates = found.prefix(Planner.mostPredicted).compactMap {
      candidate("planned", $0.plan, $0.profile)
    }
    candidates.sort { $0.prediction.seconds < $1.prediction.seconds }
    for candidate in candidates.prefix(3) { candidates += inTurns(candidate) }
    candidates.sort { $0.prediction.seconds < $1.prediction.seconds }
    let pure = pureCandidates()
    // A strategy by name may be predicted in more detail than the search knows.
    candidates += pure.filter { fits($0) }
    candidates.sort { $0.prediction.seconds < $1.prediction.seconds }
    let inexact = try candidates.first.map { try inexactCandidates($0) } ?? []
    guard let exact = candidates.first else { throw doesNotFit() }
    let quick = task.allowsInexact ? inexact.filter { fits($0) } : []
    let best = ([exact] + quick).min { $0.prediction.seconds < $1.prediction.seconds } ?? exact
    let second = candidates.first { !$0.isLike(best) }
    return PlannedTraining(
      task: task, best: best, runnerUp: second, pure: pure, inexact: inexact,
      isThinned: isThinned)
  }

  // MARK: What is tried

  /// All hosts; and fewer, where these may be left.
  private func hostCounts() -> [Int] {
    let all = task.profile.ranksPerHost.count
    guard task.mayLeaveHosts, all > 1 else { return [all] }
    if all <= 8 { return (1...all).reversed() }
    var counts = [all]
    var next = 1
    while next < all {
      counts.append(next)
      next *= 2
    }
    return counts.sorted(by: >)
  }

  private func grids(_ ranks: Int) -> [GridShape] {
    (1...ranks).filter { ranks % $0 == 0 }.map { GridShape(data: ranks / $0, model: $0) }
  }

  private func updates(_ grid: GridShape) -> [UpdateMode] {
    if grid.data * grid.model == 1 { return [.replicated] }
    return UpdateMode.allCases
  }

  /// The time of the products alone, if ranks shared them without any exchange: no plan takes less.
  private func idealSeconds(on profile: MachineProfile) -> Double {
    let ranks = Double(profile.ranks)
    return chain.nodes.flatMap(\.singles).reduce(0) { sum, single in
      guard let work = try? single.layer.work(for: single.input) else { return sum }
      let rate = max(
        profile.compute.operationsPerSecond, profile.compute.convolutionOperationsPerSecond)
      return sum + work.operations * Double(task.globalBatchSize) / ranks / rate
    }
  }

  private mutating func search(
    _ grid: GridShape, _ update: UpdateMode, _ profile: MachineProfile
  ) -> Found? {
    let costs = StepCosts(
      StepCosts.Setting(
        profile: profile, grid: grid, update: update, rows: task.rows(ranks: profile.ranks),
        vectors: task.optimizer.vectorCount))
    var search = ChainSearch(
      chain, costs, memory: task.memory,
      most: max(2, Planner.mostClocks / max(1, chain.nodes.count * 16)))
    let found = search.run()
    if search.isThinned { isThinned = true }
    guard let found else { return nil }
    // Where all hosts do the same work, one of them does it as fast.
    if task.mayLeaveHosts, profile.ranksPerHost.count > 1,
      found.placements.values.allSatisfy({ $0 == .replicated })
    {
      return nil
    }
    var plan = Plan(layers: .listed(found.placements), grid: grid)
    plan.update = update
    return Found(seconds: found.clock.total, plan: plan, profile: profile)
  }

  /// The same plan with the examples gathered in turns, where it gathers them once.
  private func inTurns(_ candidate: PlanCandidate) -> [PlanCandidate] {
    guard task.mayTakeTurns, case .listed(let placements) = candidate.prediction.plan.layers,
      let cut = chain.nodes.first(where: { placements[$0.path] == .columns }),
      candidate.prediction.plan.grid?.model ?? 1 > 1
    else { return [] }
    return [ConversionRun.Order.scatterInTurn].compactMap { order in
      var plan = candidate.prediction.plan
      plan.conversions = [ConversionRun(before: cut.path, order: order)]
      return self.candidate("planned", plan, candidate.profile).flatMap { fits($0) ? $0 : nil }
    }
  }

  /// Candidates for the named strategies, and for their variants that stay within hosts.
  private func pureCandidates() -> [PlanCandidate] {
    let (all, one) = (task.profile, task.profile.usingHosts(1))
    var found = [
      candidate("data", .dataParallel, all), candidate("model", .modelParallel, all),
      candidate("hybrid", .hybrid(), all),
    ]
    if all.ranksPerHost.count > 1, task.mayLeaveHosts {
      found.append(candidate("data on 1 host", .dataParallel, one))
      if let local = all.ranksPerHost.first, local > 1, all.ranks % local == 0 {
        let grid = GridShape(data: all.ranks / local, model: local)
        found.append(candidate("model within hosts", Plan.modelParallel.on(grid), all))
      }
    }
    return found.compactMap { $0 }
  }

  /// Variants that change the result: fewer bits, and fewer meetings.
  private func inexactCandidates(_ best: PlanCandidate) throws -> [PlanCandidate] {
    guard task.profile.ranksPerHost.count > 1 else { return [] }
    var short = Plan.dataParallel
    short.update = .replicated
    short.compression = .bfloat16
    var found = [candidate("data, bfloat16", short, task.profile)]
    var seldom = Plan.dataParallel
    seldom.meeting = Meeting(every: .steps(32))
    found.append(candidate("data, meeting every 32 steps", seldom, task.profile))
    return found.compactMap { $0 }
  }

  private func candidate(
    _ name: String, _ plan: Plan, _ profile: MachineProfile
  ) -> PlanCandidate? {
    guard
      let prediction = try? StepPrediction(
        of: plan, for: task.root, input: task.input, rows: task.rows(ranks: profile.ranks),
        optimizer: task.optimizer, on: profile, lossTakesShards: task.lossTakesShards)
    else { return nil }
    return PlanCandidate(name: name, prediction: prediction, profile: profile)
  }

  // MARK: Memory

  private func fits(_ candidate: PlanCandidate) -> Bool {
    task.memory.map { candidate.prediction.peakBytes <= $0 } ?? true
  }

  /// The error where no plan fits.
  private func doesNotFit() -> ProfileError {
    var unlimited = task
    unlimited.memory = nil
    var least: PlanCandidate?
    // With no limit a search minds time alone; the smallest is among plans that shard most.
    let profile = task.profile
    for grid in grids(profile.ranks) {
      for update in updates(grid) {
        for layers in [Plan.Layers.weights, .hybrid, .data] {
          var plan = Plan(layers: layers, grid: layers == .data ? nil : grid)
          plan.update = update
          guard let found = candidate("", plan, profile) else { continue }
          if found.prediction.peakBytes < least?.prediction.peakBytes ?? .infinity { least = found }
        }
      }
    }
    let limit = task.memory ?? 0
    let mebibytes = { (bytes: Double) in "\(Int((bytes / 1_048_576).rounded(.up))) MiB" }
    guard let least else {
      return ProfileError("No plan can be carried out on \(profile.ranks) ranks.", exitCode: 64)
    }
    let activations = least.prediction.layers.reduce(0.0) { sum, layer in
      sum + max(0, layer.cost.memory - 8 * Double(layer.cost.parameters))
    }
    let missing = least.prediction.peakBytes - limit
    let help =
      activations > missing
      ? "a smaller batch: activations take \(mebibytes(activations)) of it"
      : "more ranks to shard the weights over: now there are \(profile.ranks)"
    return ProfileError(
      "No plan fits \(mebibytes(limit)) a rank: the smallest, \(least.words), takes "
        + "\(mebibytes(least.prediction.peakBytes)), which is \(mebibytes(missing)) more. What would help is \(help).",
      exitCode: 64)
  }
}
