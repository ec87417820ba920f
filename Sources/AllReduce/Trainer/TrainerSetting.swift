internal import AllReduceMPI
internal import AllReduceNN

/// How a trainer carries out a plan: which ranks update which weights, how gradients are exchanged, and which group of
/// ranks exchanges each range of the memory.
struct TrainerSetting<Scalar: NetworkScalar & ReducibleScalar> {
  let resolved: ResolvedPlan<Scalar>
  /// The plan, including the choices that it left open.
  let plan: Plan
  let update: UpdateMode
  let transport: GradientTransport

  /// Resolves a plan for a network, chooses what the plan leaves open, and refuses what cannot be carried out.
  /// Collective.
  ///
  /// - Parameters:
  ///   - plan: The plan.
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - ranks: All ranks, divided into replicas.
  ///   - lossTakesShards: Whether the loss can be computed from outputs whose features are sharded.
  ///   - usesNorms: Whether the trainer clips gradients, or its update rule uses norms.
  ///   - algorithm: The algorithm by which gradients are summed over the ranks.
  ///   - virtualShards: The same as in ``Trainer``'s initializer.
  /// - Throws: ``AgreedError`` on every rank if the plan cannot be carried out, or if ranks have different plans.
  init(
    _ plan: Plan, for root: any Layer<Scalar>, input: Shape, _ ranks: ReplicaRanks,
    lossTakesShards: Bool, usesNorms: Bool, algorithm: ReductionAlgorithm, virtualShards: Int?
  ) throws {
    self = try ranks.world.agreeing {
      if virtualShards != nil, root.hasBatchStatistics {
        throw PlanError(
          "Virtual shards cannot be used with batchnorm, whose mean and variance would depend on the number of "
            + "ranks: use layernorm.")
      }
      let resolved = try PlanResolver.resolve(
        plan, for: root, input: input, ranks: ranks.own.size, lossTakesShards: lossTakesShards)
      return try TrainerSetting(
        resolved, over: ranks.own, hosts: ranks.mostHosts, algorithm: algorithm,
        virtualShards: virtualShards, usesNorms: usesNorms)
    }
    try ranks.world.requireEqual(checksum: Checksum.of(self.plan.json), "plan")
  }

  private init(
    _ resolved: ResolvedPlan<Scalar>, over world: Communicator, hosts: Int,
    algorithm: ReductionAlgorithm, virtualShards: Int?, usesNorms: Bool
  ) throws {
    var plan = resolved.plan
    let isDataParallel = resolved.isDataParallel
    guard plan.meeting.through == .allReduce else {
      throw PlanError("Replicas can meet through an all-reduce only, not through servers.")
    }
    guard virtualShards == nil || plan.meeting.isEveryStep else {
      throw PlanError(
        "Virtual shards give the same weights at any number of ranks; replicas that meet every few steps "
          + "do not: choose one of both.")
    }
    // On one host no message is sent that compression could make smaller; only exchanges between replicas are
    // compressed.
    let isOneHost = hosts == 1
    let isLocal = !plan.meeting.isEveryStep && isOneHost
    let compression: any GradientCompression = isLocal ? .none : plan.compression
    let isCompressed = compression.name != WholeGradient(as: .full).name
    let hasItsOwnWay = [.automatic, .sharedMemory, .hierarchical].contains(algorithm)
    let needsWholeSums = virtualShards != nil && (usesNorms || !isOneHost)
    let update =
      plan.update
      ?? (hasItsOwnWay && !needsWholeSums
        ? .usual(for: resolved, hosts: hosts, ranks: world.size) : .replicated)
    guard update != .shared || isOneHost || plan.meeting.isEveryStep else {
      throw PlanError(
        "The update shared keeps one copy of the weights a host, but a replica is on \(hosts) hosts: choose "
          + "sharded or replicated, or let the ranks of a host form a replica.")
    }
    if update != .replicated, compression is any PartialCompression {
      throw PlanError(
        "The update \(update.rawValue) needs whole gradients, which \(compression.name) does not send: "
          + "choose the update replicated.")
    }
    if update != .replicated, isDataParallel, !hasItsOwnWay {
      throw PlanError(
        "The update \(update.rawValue) adds up gradients in its own way, not by \(algorithm): leave the "
          + "algorithm automatic, or choose replicated.")
    }
    var start = plan.overlap ? ReductionStart.duringBackward : .afterBackward
    var algorithm = algorithm
    if let shards = virtualShards {
      guard isDataParallel else {
        throw PlanError("Virtual shards need a plan in which every layer is placed by data.")
      }
      guard shards % world.size == 0, shards & (shards - 1) == 0 else {
        throw PlanError(
          "The number of virtual shards must be a power of two that \(world.size) ranks divide, not \(shards)."
        )
      }
      guard !usesNorms || update == .replicated else {
        throw PlanError(
          "Clipping and LARS need norms, which are added up in a different order at each number of ranks: with "
            + "virtual shards choose the update replicated.")
      }
      guard !isCompressed, isOneHost || update == .replicated else {
        throw PlanError(
          "With virtual shards gradients travel whole, and on several hosts to all ranks.")
      }
      (algorithm, start) = (.recursiveDoubling, .afterBackward)
    }
    plan.update = update
    (self.resolved, self.plan, self.update) = (resolved, plan, update)
    transport = GradientTransport(
      algorithm: algorithm, compression: compression, start: start,
      bucketBytes: plan.bucketBytes)
  }

  /// How the replicas' weight changes are exchanged.
  var differences: GradientTransport {
    GradientTransport(
      algorithm: transport.algorithm, compression: plan.compression, bucketBytes: plan.bucketBytes)
  }

  /// Throws unless all hosts have enough memory for gradients, weights and the optimizer's state; the system provides
  /// this memory only at the first touch. Collective.
  func requireMemory(
    for layout: ParameterLayout<Scalar>, _ optimizer: any UpdateRule, over world: Communicator
  ) throws {
    let one = layout.count * MemoryLayout<Scalar>.stride
    // The minimum over the modes: a host's ranks may share one copy of the weights, and the optimizer's state may be
    // sharded over all ranks.
    let weights = update == .shared ? one / world.hostRanks.count : one
    let remembered = optimizer.vectorCount * one
    try world.requireMemory(
      one + weights + (update == .replicated ? remembered : remembered / world.size),
      for: "the training of \(layout.count) numbers")
  }

  /// Returns the ranges of the memory with their groups of ranks, in order. The parameters that all ranks hold, and for
  /// which all ranks have different examples, come first.
  func parts(
    _ layout: ParameterLayout<Scalar>, _ grid: Grid,
    _ group: (Parameter<Scalar>) -> ParameterGroups.Kind
  ) -> [NetworkPart] {
    var found: [(kind: ParameterGroups.Kind, start: Int)] = []
    for (parameter, range) in zip(layout.parameters, layout.ranges) {
      let kind = group(parameter)
      if found.last?.kind != kind { found.append((kind, range.lowerBound)) }
    }
    if found.isEmpty { found = [(.data, layout.reserved)] }
    let ends = found.dropFirst().map(\.start) + [layout.count]
    return zip(found, ends).map {
      NetworkPart(elements: $0.start..<$1, groups: ParameterGroups($0.kind, on: grid))
    }
  }
}

extension Layer {
  /// Whether this layer, or a layer below it, computes statistics of the batch.
  fileprivate var hasBatchStatistics: Bool {
    self is BatchNorm<Scalar> || children.contains { $0.layer.hasBatchStatistics }
  }
}
