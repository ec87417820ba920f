internal import AllReduceNN

/// How often the replicas of a network synchronize (*meet*), and how their weights are combined.
///
/// A replica is one rank, or a group of ranks that train synchronously. Replicas that meet in every step combine their
/// gradients, and train as one replica would with the whole batch. Replicas that meet every H steps train independently
/// in between. At a meeting the mean of the replicas' differences from the *global weights* updates the global weights,
/// from which all replicas continue. This sends H times fewer bytes.
///
/// ```swift
/// var plan = Plan.dataParallel
/// plan.meeting = Meeting(every: 32)                      // local SGD
/// plan.meeting.outerRule = .nesterov                     // DiLoCo
/// (plan.meeting.fragments, plan.meeting.overlapSteps) = (4, 4)   // streaming
/// ```
public struct Meeting: Hashable, Sendable {
  /// How often replicas synchronize: the number of steps from one meeting to the next.
  public enum Interval: Hashable, Sendable, ExpressibleByIntegerLiteral {
    /// Replicas combine their gradients in every step, so all of them have the same weights.
    case everyStep
    /// Replicas synchronize each time they have taken this number of steps on their own.
    case steps(Int)
    /// The shortest interval that leaves 95% of the time for computation, measured when training begins.
    case automatic

    /// Creates the interval ``steps(_:)``.
    public init(integerLiteral steps: Int) { self = .steps(steps) }
  }

  /// The ranks that form one replica.
  public enum ReplicaSize: Hashable, Sendable {
    /// This number of adjacent ranks, which must divide the number of all ranks.
    case ranks(Int)
    /// All ranks of a host. Every host must have the same number of ranks.
    case host
  }

  /// How replicas synchronize: by an all-reduce among themselves, or through parameter servers.
  package enum Way: String, Sendable, CaseIterable {
    case allReduce, servers
  }

  /// The optimizer of the global weights. Its gradient is the mean of the replicas' differences, each the global
  /// weights minus the replica's own weights.
  public enum OuterRule: String, Sendable, CaseIterable {
    /// Subtracts from the global weights the outer learning rate times the mean of the replicas' differences. With a
    /// rate of 1, the global weights become the mean of the replicas' weights. Stich, "Local SGD converges fast and
    /// communicates little", 2019.
    case sgd
    /// Nesterov momentum. Douillard et al., "DiLoCo: Distributed low-communication training of language models", 2023.
    case nesterov
  }

  /// How often replicas synchronize.
  public var every = Interval.everyStep
  /// The ranks that form one replica.
  public var replica = ReplicaSize.ranks(1)
  /// How replicas synchronize: by an all-reduce among themselves, or through parameter servers.
  package var through = Way.allReduce
  /// The optimizer that updates the global weights.
  public var outerRule = OuterRule.sgd
  /// The learning rate of ``outerRule``; nil for 1 (sgd) or 0.7 (nesterov).
  public var outerLearningRate: Double?
  /// The momentum coefficient of the outer rule `nesterov`; nil for 0.9.
  public var outerMomentum: Double?
  /// The number of fragments: equal ranges of the weights that are exchanged one after the other, one every H /
  /// fragments steps if replicas synchronize every H steps. Douillard et al., "Streaming DiLoCo with overlapping
  /// communication", 2025.
  public var fragments = 1
  /// The number of training steps that the exchange of a fragment overlaps with, before its result is applied.
  public var overlapSteps = 0
  /// The fraction of its own weights that a replica keeps when it adopts global weights, at least 0 and less than 1.
  public var mix = 0.0
  /// The number of warm-up steps at the beginning of training. Replicas average their weights after each of these
  /// steps.
  public var warmUpSteps = 0

  /// Creates the settings: how often replicas synchronize, and which ranks form a replica. The others have defaults.
  public init(every: Interval = .everyStep, replica: ReplicaSize = .ranks(1)) {
    (self.every, self.replica) = (every, replica)
  }

  /// Whether all ranks train one set of weights, by an all-reduce in every step.
  package var isEveryStep: Bool { every == .everyStep && through == .allReduce }

  /// The update rule of the outer step, from ``outerRule`` and ``outerMomentum``.
  var rule: any UpdateRule {
    switch outerRule {
    case .sgd: SGD()
    case .nesterov: Momentum(outerMomentum ?? 0.9, nesterov: true)
    }
  }

  /// The learning rate of the outer step: ``outerLearningRate`` or its default.
  var rate: Double { outerLearningRate ?? (outerRule == .sgd ? 1 : 0.7) }

  /// The number of steps from the exchange of one fragment to that of the next; nil if ``every`` is not a number of
  /// steps.
  var turn: Int? {
    guard case .steps(let count) = every else { return nil }
    return count / fragments
  }

  /// Checks that the settings are valid and fit each other, as far as this does not depend on the number of ranks.
  ///
  /// - Throws: ``PlanError`` that names the wrong values.
  package func check() throws(PlanError) {
    func require(_ holds: Bool, _ words: @autoclosure () -> String) throws(PlanError) {
      if !holds { throw PlanError(words()) }
    }
    if case .ranks(let count) = replica {
      try require(count >= 1, "A replica must have 1 rank or more, not \(count).")
    }
    for (name, count) in [("fragments", fragments), ("steps between meetings", steps)] {
      try require(count >= 1, "Replicas need 1 or more \(name), not \(count).")
    }
    try require(overlapSteps >= 0, "An exchange overlaps 0 steps or more, not \(overlapSteps).")
    try require(warmUpSteps >= 0, "A warm-up must have 0 steps or more, not \(warmUpSteps).")
    try require(mix >= 0 && mix < 1, "The mix must be at least 0 and less than 1, not \(mix).")
    try require(
      rate > 0 && rate.isFinite, "The outer learning rate must be above 0, not \(rate).")
    if let outerMomentum {
      try require(
        outerMomentum >= 0 && outerMomentum < 1,
        "The outer momentum must be at least 0 and less than 1, not \(outerMomentum).")
      try require(
        outerRule == .nesterov,
        "An outer momentum of \(outerMomentum) needs the outer rule nesterov, not sgd.")
    }
    if every == .everyStep {
      var plain = Meeting()
      (plain.every, plain.through) = (every, through)
      try require(
        self == plain || through == .servers,
        "Replicas that meet in every step are one: fragments, overlap, mix, warm-up, the outer rule and the "
          + "ranks of a replica need a meeting every few steps.")
    }
    guard case .steps(let count) = every else { return }
    try require(
      count % fragments == 0,
      "Weights that are exchanged every \(count) steps cannot be in \(fragments) fragments, each with a turn "
        + "of equal length: take a number of steps that \(fragments) divides.")
    try require(
      overlapSteps <= count / fragments,
      "An exchange cannot overlap \(overlapSteps) steps, more than a fragment's turn: of \(count) steps each "
        + "of \(fragments) has \(count / fragments).")
  }

  private var steps: Int {
    if case .steps(let count) = every { count } else { 1 }
  }

  /// A short description of these settings.
  var summary: String {
    var words: String
    switch every {
    case .everyStep: words = "replicas meet every step"
    case .steps(let count): words = "replicas meet every \(count == 1 ? "step" : "\(count) steps")"
    case .automatic: words = "replicas meet as often as the network allows"
    }
    if through == .servers { words += " through servers" }
    if isEveryStep { return words }
    switch replica {
    case .ranks(1): break
    case .ranks(let count): words += ", \(count) ranks each"
    case .host: words += ", a host each"
    }
    if through == .allReduce { words += ", outer \(rule.description.lowercased()) at \(rate)" }
    if fragments > 1 { words += ", \(fragments) fragments" }
    if overlapSteps > 0 { words += ", overlap \(overlapSteps) steps" }
    if mix > 0 { words += ", mix \(mix)" }
    if warmUpSteps > 0 { words += ", after \(warmUpSteps) steps of warm-up" }
    return words
  }
}
