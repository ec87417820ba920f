/// The settings of workers and parameter servers.
public struct ServerSettings: Hashable, Sendable {
  /// How workers and parameter servers exchange gradients and weights.
  public enum Method: String, Sendable, CaseIterable {
    /// Workers push gradients and read weights. Dean et al., "Large scale distributed deep networks", 2012.
    case downpour
    /// Each worker has weights of its own, which an elastic force ties to the servers' weights, the center. Zhang,
    /// Choromanska and LeCun, "Deep learning with elastic averaging SGD", 2015.
    case easgd
  }

  /// How workers and servers exchange gradients and weights.
  public var method = Method.downpour
  /// The number of servers, each with one shard of the weights: the last ranks. Elastic averaging also works with 0:
  /// then every rank has a copy of the center, and all ranks synchronize with it at once, by an all-reduce.
  public var servers = 1
  /// The number of steps from one read of the weights to the next.
  public var fetchEvery = 1
  /// The number of steps from one push to the next; with elastic averaging, from one pull towards the center to the
  /// next.
  public var pushEvery = 1
  /// How servers treat gradients that were computed from old weights.
  public var staleness = Staleness()
  /// The number of first steps, each with the batches of all workers, that worker 0 takes alone before the others
  /// begin.
  public var warmUpSteps = 0
  /// The β of elastic averaging, at most 1. Each worker is pulled with strength β / (number of workers).
  public var elasticity = 0.9

  /// Creates the settings; by default one server applies every gradient when it arrives.
  public init(method: Method = .downpour, servers: Int = 1) {
    (self.method, self.servers) = (method, servers)
  }

  /// The number of pushes from one read of the weights to the next, rounded up.
  var pushesPerFetch: Int { (fetchEvery + pushEvery - 1) / pushEvery }

  /// Checks that the settings fit each other and the ranks.
  ///
  /// - Parameters:
  ///   - ranks: The number of all ranks.
  ///   - optimizer: The update rule of the servers; with elastic averaging, of the workers.
  /// - Throws: ``PlanError``, with exit code 64, that says which setting does not fit and what to do.
  package func check(ranks: Int, optimizer: any UpdateRule) throws(PlanError) {
    let least = method == .easgd ? 0 : 1
    guard servers >= least else {
      throw PlanError(
        "\(method.rawValue) needs \(least) \(least == 1 ? "server" : "servers") or more, not \(servers)."
      )
    }
    try ServerRoles.check(ranks: ranks, servers: servers)
    if servers == 0, let bound = staleness.bound {
      throw PlanError(
        "Without servers all workers meet at once: leave out the staleness bound \(bound).")
    }
    if method == .easgd, warmUpSteps > 0 {
      throw PlanError("Elastic averaging has no warm-up: leave out its \(warmUpSteps) steps.")
    }
    for (name, steps) in [("fetch", fetchEvery), ("push", pushEvery)] where steps < 1 {
      throw PlanError("Workers \(name) every \(steps) steps: it must be 1 or more.")
    }
    guard warmUpSteps >= 0 else {
      throw PlanError("Worker 0 cannot warm up for \(warmUpSteps) steps: it must be 0 or more.")
    }
    if let bound = staleness.bound {
      guard bound >= 0 else {
        throw PlanError("A staleness bound must be 0 clocks or more, not \(bound).")
      }
      guard pushesPerFetch - 1 <= bound else {
        throw PlanError(
          "A worker that fetches every \(fetchEvery) and pushes every \(pushEvery) steps is up to "
            + "\(pushesPerFetch - 1) clocks behind its own pushes, but the staleness bound is \(bound): fetch "
            + "more often, or take a larger bound.")
      }
    }
    if optimizer.usesNorms {
      throw PlanError(
        "\(optimizer) needs norms of whole parameters, but a server has only a shard: choose another optimizer."
      )
    }
    try checkCompensation(optimizer)
  }

  private func checkCompensation(_ optimizer: any UpdateRule) throws(PlanError) {
    if method == .easgd, staleness.compensation != .none {
      throw PlanError(
        "Elastic averaging pushes no gradients: leave out the compensation \(staleness.compensation)."
      )
    }
    guard case .nesterov(let count) = staleness.compensation else { return }
    guard let rule = optimizer as? Momentum, rule.isNesterov, rule.weightDecay == 0 else {
      throw PlanError(
        "nesterov:\(count) delays the momentum of the optimizer nesterov without weight decay, not of \(optimizer)."
      )
    }
  }

  /// The factor of the plain step that a worker takes itself, with a gradient that the weights it has read lack: with
  /// delayed Nesterov momentum 1/n, because each gradient moves the weights by 1/n of its step at once; otherwise 1.
  var ownStep: Double {
    if case .nesterov(let count) = staleness.compensation { 1 / Double(count) } else { 1 }
  }

  /// Returns the update rule of the servers: plain SGD with delayed Nesterov momentum and with elastic averaging, which
  /// need no other optimizer; otherwise the given rule.
  func update(_ optimizer: any UpdateRule) -> any UpdateRule {
    if case .nesterov = staleness.compensation { return SGD() }
    return method == .easgd ? SGD() : optimizer
  }

  /// Returns the rule by which a server applies gradients that may be stale.
  func rule<Scalar: NetworkScalar & ReducibleScalar>(
    _ optimizer: any UpdateRule, count: Int, as type: Scalar.Type
  ) -> any StalenessRule<Scalar> {
    switch staleness.compensation {
    case .none: PlainRule()
    case .scaled: PlainRule(scalesRate: true)
    case .constant(let factor): DelayCompensation(factor, isAdaptive: false, count: count)
    case .adaptive(let factor): DelayCompensation(factor, isAdaptive: true, count: count)
    case .nesterov(let every):
      DelayedNesterov((optimizer as? Momentum)?.momentum ?? 0, every: every, count: count)
    }
  }

  /// A description that is different for different methods and settings; a checkpoint stores that of its training.
  var words: String {
    var words = "\(method.rawValue), fetch \(fetchEvery), push \(pushEvery), \(staleness)"
    if method == .easgd { words += ", elasticity \(elasticity)" }
    return words
  }
}
