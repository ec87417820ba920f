package import AllReduceMPI
package import AllReduceNN

/// The plan that a training run chooses by itself: by a profile of its ranks, measured or kept, or that of the state
/// that it resumes from.
package struct AutomaticPlan {
  /// The network to train.
  package struct Work {
    /// Makes the network's layers, without memory.
    package let make: () throws -> any Layer<Float>
    /// The shape of one example's input.
    package let input: Shape
    /// Examples of all ranks a step.
    package let globalBatchSize: Int
    /// Steps of the run.
    package let steps: Int
    package let optimizer: any UpdateRule
    /// The file that keeps the profile; nil for one in the user's folder of cached files.
    package var profile: String?
    /// Whether to measure however short the run is.
    package var measuresAnyway = false

    package init(
      _ make: @escaping () throws -> any Layer<Float>, input: Shape, globalBatchSize: Int,
      steps: Int, optimizer: any UpdateRule, profile: String? = nil
    ) {
      (self.make, self.input) = (make, input)
      (self.globalBatchSize, self.steps) = (globalBatchSize, steps)
      (self.optimizer, self.profile) = (optimizer, profile)
    }
  }

  /// The part of a run that measuring may take.
  private static let share = 0.02
  /// Seconds below which nothing useful is measured, and the most that it takes.
  private static let seconds = 1.0...9.0

  /// The plan.
  package let plan: Plan
  /// The candidates that it was chosen from; nil where there was no choice.
  package let planned: PlannedTraining?
  /// Remarks for the user.
  package let notes: [String]

  /// The predicted step; nil where there is none.
  package var prediction: StepPrediction? { planned?.best.prediction }

  /// The hosts that the plan uses.
  package let hosts: Int

  private init(_ plan: Plan, hosts: Int, _ planned: PlannedTraining? = nil, _ notes: [String] = [])
  {
    (self.plan, self.hosts, self.planned, self.notes) = (plan, hosts, planned, notes)
  }

  /// Chooses. Collective; the same on all ranks.
  ///
  /// Measures for at most 2% of what the run is expected to take, else leaves the data plan.
  ///
  /// - Throws: ``AgreedError`` on every rank if a profile that was named cannot be read, or does not fit;
  ///   ``ShapeError``; ``MPIError``.
  package init(for work: Work, over world: Communicator) throws {
    guard world.size > 1 else {
      self.init(.dataParallel, hosts: 1, nil, ["One rank has nothing to choose: the plan is data."])
      return
    }
    let place = work.profile ?? AutomaticPlan.usualPlace(work, world)
    var notes: [String] = []
    let kept = try AutomaticPlan.kept(place, isNamed: work.profile != nil, work, over: world)
    let profile: MachineProfile
    if let kept {
      profile = kept
      notes.append("The profile of these ranks is that in \(place ?? "").")
    } else {
      let expected = try AutomaticPlan.expectedSeconds(work, over: world)
      let budget =
        work.measuresAnyway ? AutomaticPlan.seconds.upperBound : AutomaticPlan.share * expected
      guard budget >= AutomaticPlan.seconds.lowerBound else {
        self.init(
          .dataParallel, hosts: world.hosts.count, nil,
          [
            "The run is expected to take \(AutomaticPlan.text(expected)) s: too short to measure for 2% of it. "
              + "The plan is data."
          ])
        return
      }
      let clock = ContinuousClock()
      let start = clock.now
      profile = try AutomaticPlan.measured(
        work, min(budget, AutomaticPlan.seconds.upperBound), over: world)
      let seconds = (clock.now - start) / .seconds(1)
      notes.append("Measured these ranks in \(AutomaticPlan.text(seconds)) s.")
      if let place, world.isRoot {
        do {
          try AutomaticPlan.keep(profile, place)
          notes.append("The profile is kept in \(place).")
        } catch { notes.append("warning: the profile cannot be kept: \(error)") }
      }
    }
    var task = Planner.Task(
      try work.make(), input: work.input, globalBatchSize: work.globalBatchSize,
      optimizer: work.optimizer, on: profile)
    // Ranks fill hosts in turn, or the first hosts' ranks are not the first ranks.
    task.mayLeaveHosts = world.hosts.flatMap { $0 } == Array(0..<world.size)
    let planned = try world.agreeing {
      var planner = try Planner(task)
      return try planner.run()
    }
    notes.append(
      "The plan is \(planned.best.words): a step is predicted to take "
        + "\(AutomaticPlan.text(planned.best.prediction.seconds * 1000)) ms.")
    let hosts = planned.best.prediction.hostsUsed
    if hosts < world.hosts.count {
      notes.append(
        "It leaves \(world.hosts.count - hosts) of \(world.hosts.count) hosts idle: with them a step takes longer."
      )
    }
    self.init(planned.best.prediction.plan, hosts: hosts, planned, notes)
  }

  /// The plan of the state that a run resumes from; nil where it is for a different number of ranks.
  package init?(_ kept: Plan, over world: Communicator) {
    guard let grid = kept.grid else { return nil }
    var ranks = 0
    for (number, host) in world.hosts.enumerated() {
      ranks += host.count
      guard ranks == grid.data * grid.model else { continue }
      self.init(kept, hosts: number + 1, nil, ["The plan is that of the state."])
      return
    }
    return nil
  }

  // MARK: Profiles

  private static func measured(
    _ work: Work, _ budget: Double, over world: Communicator
  ) throws -> MachineProfile {
    var profile = try MachineProbe(over: world, budget: budget * 0.55).measured()
    profile.compute.layers = try LayerProbe(over: world).measured(
      work.make, input: work.input, rows: rows(work, world), budget: budget * 0.45)
    return profile
  }

  private static func rows(_ work: Work, _ world: Communicator) -> Int {
    (work.globalBatchSize + world.size - 1) / world.size
  }

  /// A profile that was kept for this placement, network and batch.
  private static func kept(
    _ place: String?, isNamed: Bool, _ work: Work, over world: Communicator
  ) throws -> MachineProfile? {
    guard let place else { return nil }
    let text = try world.agreeing {
      world.isRoot ? try TuningText.text(of: place) ?? "" : ""
    }
    let all = try world.broadcast(text, from: 0)
    if all.isEmpty { return nil }
    return try world.agreeing {
      do {
        let profile = try MachineProfile(json: all, file: place)
        let ranks = world.hosts.map(\.count)
        guard profile.ranksPerHost == ranks else {
          throw ProfileError(
            "\(place): the profile is of hosts with \(profile.ranksPerHost) ranks, but there are \(ranks)."
          )
        }
        // For a different network or batch it predicts less well; a file that is named is used as it is.
        let isCovered = try covers(profile, work, world)
        return isCovered || isNamed ? profile : nil
      } catch  where !isNamed {
        return nil
      }
    }
  }

  private static func covers(
    _ profile: MachineProfile, _ work: Work, _ world: Communicator
  ) throws -> Bool {
    let chain = try LayerChain(work.make(), input: work.input)
    let rows = rows(work, world)
    return chain.nodes.flatMap(\.singles).allSatisfy { single in
      profile.compute.layers.contains {
        $0.layer == single.layer.summary && $0.rows == rows && Shape($0.input) == single.input
      }
    }
  }

  private static func keep(_ profile: MachineProfile, _ place: String) throws {
    for end in place.indices where place[end] == "/" && end > place.startIndex {
      try? Checkpoint(directory: String(place[..<end])).makeFolder()
    }
    let file = try OutputFile(path: place)
    try file.write(profile.json)
    try file.finish()
  }

  /// `allreduce/` in the user's folder of cached files, by the XDG Base Directory Specification: a file for each
  /// placement, network and batch.
  private static func usualPlace(_ work: Work, _ world: Communicator) -> String? {
    let folder =
      environmentVariable("XDG_CACHE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
      ?? environmentVariable("HOME").flatMap { $0.hasPrefix("/") ? $0 + "/.cache" : nil }
    guard let folder, let root = try? work.make() else { return nil }
    let what =
      "\(world.hosts.map(\.count)) \(world.processorName) \(root.summary) \(work.input) "
      + "\(work.globalBatchSize)"
    let checksum = Array(what.utf8).withUnsafeBytes { WeightChecksum.of($0) }
    return "\(folder)/allreduce/profile-\(WeightChecksum.text(checksum)).json"
  }

  // MARK: How long the run will take

  /// By data, about: a few passes, and one exchange.
  private static func expectedSeconds(_ work: Work, over world: Communicator) throws -> Double {
    let root = try work.make()
    let network = try Network(root, input: work.input)
    let inputs = Tensor<Float>(
      repeating: 0.5, shape: work.input.batch(of: rows(work, world)))
    let clock = ContinuousClock()
    var seconds = Double.infinity
    for _ in 0..<2 {
      let from = clock.now
      let output = try network.forward(inputs)
      try network.backward(Tensor<Float>(repeating: 1e-3, shape: output.shape))
      seconds = min(seconds, (clock.now - from) / .seconds(1))
    }
    let count = min(128 << 10, network.layout.count)
    let arena = try Arena<Float>(count: count, over: world)
    var exchange = Double.infinity
    for _ in 0..<2 {
      try world.barrier()
      let from = clock.now
      try world.allReduce(arena.all, .sum)
      exchange = min(exchange, (clock.now - from) / .seconds(1))
    }
    let step = seconds + exchange * Double(network.layout.count) / Double(count)
    return try world.allReduce(step, .maximum) * Double(work.steps)
  }

  private static func text(_ value: Double) -> String {
    let scaled = (value * 100).rounded() / 100
    return "\(scaled)"
  }
}
