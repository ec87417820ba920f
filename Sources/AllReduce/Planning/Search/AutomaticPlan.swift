package import AllReduceMPI
package import AllReduceNN

/// The plan that a training run chooses automatically: from a profile of its ranks, which is measured or read from a
/// file, or from the checkpoint that the run resumes from.
package struct AutomaticPlan {
  /// The training run to choose a plan for: the network, the batch, the optimizer and the length of the run.
  package struct Work {
    /// Creates the network's layers, without memory.
    package let make: () throws -> any Layer<Float>
    /// The shape of one example's input.
    package let input: Shape
    /// The number of examples per step, over all ranks.
    package let globalBatchSize: Int
    /// The number of steps of the run.
    package let steps: Int
    package let optimizer: any UpdateRule
    /// The file that stores the profile; nil for a file in the user's cache folder.
    package var profile: String?
    /// The update that the run needs; nil if any will do.
    package var update: UpdateMode?
    /// Whether to measure even if the run is short.
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

  /// The fraction of a run's time that measuring may take.
  private static let share = 0.02
  /// The range of seconds that measuring takes; in less time, nothing useful is measured.
  private static let seconds = 1.0...9.0

  /// The plan that was chosen.
  package let plan: Plan
  /// The planner's result, with the candidates that the plan was chosen from; nil if there was no choice.
  package let planned: PlannedTraining?
  /// Remarks for the user.
  package let notes: [String]

  /// The prediction of a step with the plan; nil if there is none.
  package var prediction: StepPrediction? { planned?.best.prediction }

  /// The number of hosts that the plan uses.
  package let hosts: Int

  private init(_ plan: Plan, hosts: Int, _ planned: PlannedTraining? = nil, _ notes: [String] = [])
  {
    (self.plan, self.hosts, self.planned, self.notes) = (plan, hosts, planned, notes)
  }

  /// Chooses a plan, the same on all ranks. Collective.
  ///
  /// Measures for at most 2% of the time that the run is expected to take. If that is too short to measure, the plan is
  /// data parallelism.
  ///
  /// - Throws: ``AgreedError`` on every rank if a profile that `work` names cannot be read, or does not fit the ranks;
  ///   ``ShapeError``; ``MPIError``.
  package init(for work: Work, over world: Communicator) throws {
    guard world.size > 1 else {
      self.init(.dataParallel, hosts: 1, nil, ["One rank has nothing to choose: the plan is data."])
      return
    }
    let place = work.profile ?? AutomaticPlan.usualPlace(work, world)
    var notes: [String] = []
    let kept = try AutomaticPlan.kept(place, isNamed: work.profile != nil, work, over: world)
    let isOld =
      try work.profile == nil
      && kept.map {
        try MachineProbe(over: world, budget: AutomaticPlan.seconds.lowerBound).contradicts($0)
      } == true
    if isOld {
      notes.append("The network is not as it was in the profile in \(place ?? "").")
    }
    let profile: MachineProfile
    if let kept, !isOld {
      profile = kept
      notes.append("The profile of these ranks is that in \(place ?? "").")
    } else {
      let expected = try AutomaticPlan.expectedSeconds(work, over: world)
      let budget =
        work.measuresAnyway ? AutomaticPlan.seconds.upperBound : AutomaticPlan.share * expected
      guard budget >= AutomaticPlan.seconds.lowerBound else {
        self.init(
          .dataParallel, hosts: world.hosts.count, nil,
          notes + [
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
    // Unless ranks fill one host after the other, the ranks of the first hosts are not the first ranks.
    task.update = work.update
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

  /// Creates the choice of the plan in the checkpoint that a run resumes from; nil if the plan is for a different
  /// number of ranks.
  package init?(_ kept: Plan, over world: Communicator) {
    // The grid of replicas that meet seldom is that of one replica.
    guard let grid = kept.grid, kept.meeting.isEveryStep else { return nil }
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

  /// Returns the stored profile of this distribution of ranks, network and batch; nil if there is none. Collective.
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
        // A profile of a different network or batch predicts less well; a file that the caller names is used all the
        // same.
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

  /// Returns the path of a profile in `allreduce/` in the user's cache folder, by the XDG Base Directory Specification:
  /// one file for each distribution of ranks, network and batch. Nil if there is no such folder.
  private static func usualPlace(_ work: Work, _ world: Communicator) -> String? {
    let folder =
      environmentVariable("XDG_CACHE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
      ?? environmentVariable("HOME").flatMap { $0.hasPrefix("/") ? $0 + "/.cache" : nil }
    guard let folder, let root = try? work.make() else { return nil }
    let what =
      "\(world.hosts.map(\.count)) \(world.processorName) \(root.summary) \(work.input) "
      + "\(work.globalBatchSize)"
    return "\(folder)/allreduce/profile-\(Checksum.text(Checksum.of(what))).json"
  }

  // MARK: How long the run will take

  /// Estimates the seconds of the run with data parallelism, from a few passes and one exchange. Collective.
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
