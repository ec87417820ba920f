package import AllReduceNN

/// Finds the plan by which a network trains fastest on some machines, and says why.
///
/// For each number of hosts, each grid and each update mode, the placements with the fastest predicted step are found
/// exactly (``ChainSearch``). Hosts, grids and updates are tried one by one. The order in which examples are gathered
/// is tried only on the best of these plans: that part is a search, not a proof.
///
/// Only plans that compute the same as one rank with the whole batch are chosen, unless inexact plans are allowed:
/// gradients in 16 bits, and replicas that synchronize every few steps.
package struct Planner {
  /// A network to train, and the machines to train it on.
  package struct Task {
    /// The network's layers.
    package let root: any Layer<Float>
    /// The shape of one example's input.
    package let input: Shape
    /// The number of examples per step, over all ranks, however many hosts are used.
    package let globalBatchSize: Int
    /// The rule by which weights are updated.
    package let optimizer: any UpdateRule
    /// The profile of the machines.
    package let profile: MachineProfile
    /// The update that plans must have; nil for any.
    package var update: UpdateMode?
    /// The largest number of bytes of memory that a rank may use; nil for no limit.
    package var memory: Double?
    /// Whether a plan may leave hosts idle.
    package var mayLeaveHosts = true
    /// Whether examples may be gathered in turns: only a part of the ranks' examples is all-gathered at a time.
    package var mayTakeTurns = true
    /// Whether a plan may change the result of training.
    package var allowsInexact = false
    /// Whether the loss can be computed from outputs whose features are sharded.
    package var lossTakesShards = true

    package init(
      _ root: any Layer<Float>, input: Shape, globalBatchSize: Int, optimizer: any UpdateRule,
      on profile: MachineProfile
    ) {
      (self.root, self.input, self.globalBatchSize) = (root, input, globalBatchSize)
      (self.optimizer, self.profile) = (optimizer, profile)
    }

    /// Returns the number of examples per rank, rounded up, on `ranks` ranks.
    func rows(ranks: Int) -> Int { (globalBatchSize + ranks - 1) / ranks }
  }

  /// The number of clocks that a search may keep over all layers, from which the limit of each state follows.
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
  /// Whether a search dropped clocks because there were too many, so that another plan may be faster.
  private(set) var isThinned = false

  /// Creates a planner.
  ///
  /// - Throws: ``ShapeError`` if the shapes of the layers do not fit.
  package init(_ task: Task) throws {
    self.task = task
    chain = try LayerChain(task.root, input: task.input)
  }

  /// Finds the fastest plan.
  ///
  /// - Returns: The plan, the candidates that it was chosen from, and what would have to change for another to win.
  /// - Throws: ``ProfileError`` if no plan fits the memory, with the missing amount and what would help.
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
    // A named strategy may be predicted in more detail than the search knows.
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

  /// Returns the numbers of hosts to try: all hosts and, if hosts may be left idle, fewer.
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
    return task.update.map { [$0] } ?? UpdateMode.allCases
  }

  /// Returns the time of the products alone, divided among the ranks without any exchange. No plan takes less.
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
    // If all hosts do the same work, one host alone is as fast.
    if task.mayLeaveHosts, profile.ranksPerHost.count > 1,
      found.placements.values.allSatisfy({ $0 == .replicated })
    {
      return nil
    }
    var plan = Plan(layers: .listed(found.placements), grid: grid)
    plan.update = update
    return Found(seconds: found.clock.total, plan: plan, profile: profile)
  }

  /// Returns the same plan with the examples gathered in turns, if it gathers them all at once and turns are allowed.
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

  /// Returns candidates for the named strategies, and for their variants that stay within hosts.
  private func pureCandidates() -> [PlanCandidate] {
    let (all, one) = (task.profile, task.profile.usingHosts(1))
    var found = [
      candidate("data", .dataParallel, all), candidate("model", .modelParallel, all),
      candidate("hybrid", .hybrid(), all),
    ]
    if all.ranksPerHost.count > 1, task.mayLeaveHosts {
      found.append(candidate("data on 1 host", .dataParallel, one))
      if let local = all.ranksPerHost.first, local > 1, all.ranksPerHost.allSatisfy({ $0 == local })
      {
        let grid = GridShape(data: all.ranks / local, model: local)
        found.append(candidate("model within hosts", Plan.modelParallel.on(grid), all))
      }
    }
    return found.compactMap { $0 }
  }

  /// Returns plans that change the result of training: 16-bit gradients, and replicas that synchronize every 32 steps.
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
    var plan = plan
    plan.update = plan.update ?? task.update
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

  /// Returns the error for the case that no plan fits the memory.
  private func doesNotFit() -> ProfileError {
    var unlimited = task
    unlimited.memory = nil
    var least: PlanCandidate?
    // Without a limit, the search considers time alone; the plan with the least memory is among those that shard most.
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
    let activations = least.prediction.layers.reduce(0) { $0 + $1.cost.activationBytes }
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
