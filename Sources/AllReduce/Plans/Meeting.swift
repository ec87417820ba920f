internal import AllReduceNN

/// How often the replicas of a network synchronise (*meet*), and how their weights are combined.
///
/// A replica is one rank, or a group of ranks that train synchronously. Replicas that meet in every step combine their
/// gradients, and train as one replica would with the whole batch. Replicas that meet every H steps train on their own
/// in between. At a meeting the mean of their weight differences updates the *global weights*, and all replicas
/// continue from these. This sends H times fewer bytes.
///
/// ```swift
/// var plan = Plan.dataParallel
/// plan.meeting = Meeting(every: 32)                      // local SGD
/// plan.meeting.outerRule = .nesterov                     // DiLoCo
/// (plan.meeting.fragments, plan.meeting.overlapSteps) = (4, 4)   // streaming
/// ```
public struct Meeting: Hashable, Sendable {
  /// The steps from one meeting of replicas to the next.
  public enum Interval: Hashable, Sendable, ExpressibleByIntegerLiteral {
    /// Gradients are combined in every step: there is one set of weights.
    case everyStep
    /// Replicas take this many steps of their own.
    case steps(Int)
    /// The shortest interval that leaves 95% of the time to computation, measured when training begins.
    case automatic

    /// A number of steps.
    public init(integerLiteral steps: Int) { self = .steps(steps) }
  }

  /// The ranks that form one replica.
  public enum ReplicaSize: Hashable, Sendable {
    /// This many neighbouring ranks; their number divides that of all ranks.
    case ranks(Int)
    /// The ranks of a host; every host has the same number.
    case host
  }

  /// The means by which replicas meet.
  package enum Way: String, Sendable, CaseIterable {
    case allReduce, servers
  }

  /// The rule that moves the global weights against the mean of the replicas' differences.
  public enum OuterRule: String, Sendable, CaseIterable {
    /// By the difference times a rate; with 1, the global weights become the mean of the replicas'. Stich, "Local
    /// SGD converges fast and communicates little", 2019.
    case sgd
    /// With momentum that looks ahead. Douillard et al., "DiLoCo: Distributed low-communication training of
    /// language models", 2023.
    case nesterov
  }

  /// The steps from one meeting to the next.
  public var every = Interval.everyStep
  /// The ranks that form one replica.
  public var replica = ReplicaSize.ranks(1)
  /// The means by which they meet.
  package var through = Way.allReduce
  /// The rule that moves the global weights.
  public var outerRule = OuterRule.sgd
  /// The outer learning rate; nil for 1 (sgd) or 0.7 (nesterov).
  public var outerLearningRate: Double?
  /// The outer momentum coefficient, with nesterov; nil for 0.9.
  public var outerMomentum: Double?
  /// The fragments of the weights, equal ranges, which are exchanged in turn, one every H / fragments steps. Douillard
  /// et al., "Streaming DiLoCo with overlapping communication", 2025.
  public var fragments = 1
  /// How many steps a fragment's exchange overlaps before its result is applied.
  public var overlapSteps = 0
  /// How much of a replica's own weights stays when it takes over global ones, at least 0 and less than 1.
  public var mix = 0.0
  /// After each of this many first steps, replicas average their weights.
  public var warmUpSteps = 0

  /// Makes a meeting.
  public init(every: Interval = .everyStep, replica: ReplicaSize = .ranks(1)) {
    (self.every, self.replica) = (every, replica)
  }

  /// Whether there is one set of weights, which all ranks train in every step.
  package var isEveryStep: Bool { every == .everyStep && through == .allReduce }

  /// The rule of the outer step.
  var rule: any UpdateRule {
    switch outerRule {
    case .sgd: SGD()
    case .nesterov: Momentum(outerMomentum ?? 0.9, nesterov: true)
    }
  }

  /// The outer learning rate.
  var rate: Double { outerLearningRate ?? (outerRule == .sgd ? 1 : 0.7) }

  /// The steps of a fragment's turn, from when one is due until the next is; nil where they are not known yet.
  var turn: Int? {
    guard case .steps(let count) = every else { return nil }
    return count / fragments
  }

  /// Makes sure that the settings fit each other, whatever the number of ranks.
  ///
  /// - Throws: ``PlanError`` that names the figures.
  package func check() throws(PlanError) {
    func require(_ holds: Bool, _ words: @autoclosure () -> String) throws(PlanError) {
      if !holds { throw PlanError(words()) }
    }
    if case .ranks(let count) = replica {
      try require(count >= 1, "A replica has 1 rank or more, not \(count).")
    }
    for (name, count) in [("fragments", fragments), ("steps between meetings", steps)] {
      try require(count >= 1, "Replicas need 1 or more \(name), not \(count).")
    }
    try require(overlapSteps >= 0, "An exchange overlaps 0 steps or more, not \(overlapSteps).")
    try require(warmUpSteps >= 0, "A warm-up takes 0 steps or more, not \(warmUpSteps).")
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

  /// A short description of how replicas meet.
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
