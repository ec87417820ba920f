import AllReduce
import ExampleSupport

/// The plan of a run that resumes: what its options say, and for the rest what the state's plan says.
struct ResumedPlan {
  let plan: Plan
  /// Whether the placements of the layers are the state's, and not those of a strategy.
  let placesAsBefore: Bool
  /// Remarks for the user.
  let notes: [String]

  /// Joins both.
  ///
  /// Placements and their grid are for the ranks that they were made for: on other ranks those of the options hold.
  ///
  /// - Parameters:
  ///   - kept: The plan of the state.
  ///   - named: The plan that the options name, or that was chosen.
  ///   - options: The options that are given.
  ///   - world: All ranks.
  /// - Throws: ``TrainingError`` where a part of both cannot be together.
  init(
    _ kept: Plan, _ named: Plan, _ options: ClassifierOptions, over world: Communicator
  ) throws {
    var (plan, notes) = (named, [String]())
    if options.replicas.given == nil { plan.meeting = kept.meeting }
    if options.compress == nil, options.requestedWireFormat == nil {
      plan.compression = kept.compression
    }
    if plan.compression.wireFormat != .full, options.algorithm == .native {
      throw TrainingError.settings(
        "The state is of a run with gradients as \(plan.compression.name), which --algorithm native cannot send: add "
          + "--wire-format full, or choose another algorithm.")
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
    // A host's ranks share one copy of the weights by default, where they can.
    if before == ranks, placesAsBefore || !isSharded, !options.decidesUpdate, kept.update != .shared
    {
      plan.update = kept.update
    }
    (self.plan, self.notes) = (plan, notes)
  }

  /// How many ranks train synchronously.
  private static func ranks(ofReplica meeting: Meeting, over world: Communicator) -> Int {
    if meeting.isEveryStep { return world.size }
    switch meeting.replica {
    case .ranks(let count): return count
    case .host: return world.hosts.first?.count ?? 1
    }
  }
}

extension Plan {
  /// Whether every layer is placed by data.
  fileprivate var isDataParallel: Bool {
    switch layers {
    case .data: true
    case .weights, .hybrid: false
    case .listed(let placements): placements.values.allSatisfy { $0 == .data }
    }
  }
}

extension ClassifierOptions {
  /// The plan of the state to resume from; nil where there is none. Collective.
  func keptPlan(over world: Communicator) throws -> Plan? {
    guard let checkpoints = keeping.checkpoints, checkpoints.resumes, serverSettings == nil else {
      return nil
    }
    return try CheckpointReader.plan(of: checkpoints, over: world)
  }

  /// Whether an option says where layers are placed.
  fileprivate var namesPlacements: Bool {
    requestedStrategy != nil || sharing.grid != nil || sharing.transition != nil
      || sharing.variableBatch
  }

  /// Whether an option decides how weights are updated, or needs one way of it.
  fileprivate var decidesUpdate: Bool {
    updating.update != nil || updating.reproducible != nil || compress != nil
      || requestedWireFormat != nil || algorithm != .automatic
  }
}
