import AllReduce
import ExampleSupport

/// The plan of a run that resumes: the settings that options give, and for the rest those of the checkpoint's plan.
struct ResumedPlan {
  let plan: Plan
  /// Whether the layers are placed as in the checkpoint, and not by a strategy.
  let placesAsBefore: Bool
  /// Notes on the plan, to be printed for the user.
  let notes: [String]

  /// Merges the checkpoint's plan with the plan of the options.
  ///
  /// Placements and their grid are made for a number of ranks: on another number of ranks, the options' placements are
  /// used.
  ///
  /// - Parameters:
  ///   - kept: The checkpoint's plan.
  ///   - named: The plan that the options name, or that was chosen automatically.
  ///   - options: The options of this run.
  ///   - world: The communicator of all ranks.
  /// - Throws: ``TrainingError`` if settings of the two plans exclude each other.
  init(
    _ kept: Plan, _ named: Plan, _ options: ClassifierOptions, over world: Communicator
  ) throws {
    var (plan, notes) = (named, [String]())
    plan.meeting = options.replicas.meeting(insteadOf: kept.meeting)
    try plan.meeting.check()
    if !kept.meeting.isEveryStep, !plan.meeting.isEveryStep,
      plan.meeting.outerRule != kept.meeting.outerRule
    {
      throw TrainingError.settings(
        "The state is of a run with --outer-optimizer \(kept.meeting.outerRule.rawValue), not "
          + "\(plan.meeting.outerRule.rawValue): resume with the same.")
    }
    if options.compress == nil, options.requestedWireFormat == nil {
      plan.compression = kept.compression
    }
    if plan.compression.wireFormat != .full, options.algorithm == .native {
      throw TrainingError.settings(
        "The state is of a run with gradients as \(plan.compression.name), which --algorithm native cannot send: add "
          + "--wire-format full, or choose another algorithm.")
    }
    if plan.compression is any PartialCompression {
      notes.append(
        "The state does not contain what \(plan.compression.name) had left to send: the weights will differ from those "
          + "of a run that was not stopped.")
    }
    plan.bucketBytes = options.bucketBytes?.bytes ?? kept.bucketBytes
    let ranks = ResumedPlan.ranks(ofReplica: plan.meeting, over: world)
    let before = kept.grid.map { $0.data * $0.model }
    let isSharded = !kept.isDataParallel
    let isLeftOpen = !options.namesPlacements
    placesAsBefore = isLeftOpen && isSharded && before == ranks
    if placesAsBefore {
      (plan.layers, plan.grid, plan.conversions) = (kept.layers, kept.grid, kept.conversions)
      notes.append("The plan is that of the state.")
    } else if isLeftOpen, isSharded, let before {
      notes.append(
        "The state's plan is for \(before) ranks, not \(ranks): the plan is data, as no --strategy is given."
      )
    }
    // By default, the ranks of a host share one copy of the weights where possible.
    if before == ranks, placesAsBefore || !isSharded, !options.decidesUpdate, kept.update != .shared
    {
      plan.update = kept.update
    }
    (self.plan, self.notes) = (plan, notes)
  }

  /// Returns the number of ranks that train synchronously.
  private static func ranks(ofReplica meeting: Meeting, over world: Communicator) -> Int {
    if meeting.isEveryStep { return world.size }
    switch meeting.replica {
    case .ranks(let count): return count
    case .host: return world.hosts.first?.count ?? 1
    }
  }
}

extension Plan {
  /// Whether every layer is data-parallel.
  fileprivate var isDataParallel: Bool {
    switch layers {
    case .data: true
    case .weights, .hybrid: false
    case .listed(let placements): placements.values.allSatisfy { $0 == .data }
    }
  }
}

extension ClassifierOptions {
  /// Reads the plan of the checkpoint to resume from; returns nil if there is none. Collective.
  func keptPlan(over world: Communicator) throws -> Plan? {
    guard let checkpoints = keeping.checkpoints, checkpoints.resumes, serverSettings == nil else {
      return nil
    }
    return try CheckpointReader.plan(of: checkpoints, over: world)
  }

  /// Whether an option says how layers are placed.
  fileprivate var namesPlacements: Bool {
    requestedStrategy != nil || sharing.grid != nil || sharing.transition != nil
      || sharing.variableBatch
  }

  /// Whether an option sets how weights are updated, or requires one particular way.
  fileprivate var decidesUpdate: Bool {
    updating.update != nil || updating.reproducible != nil || compress != nil
      || requestedWireFormat != nil || algorithm != .automatic
  }
}
