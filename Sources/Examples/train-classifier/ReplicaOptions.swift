import AllReduce
import ArgumentParser
import ExampleSupport

/// The options for how often replicas synchronize, and how.
struct ReplicaOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How replicas meet: everyStep, every:STEPS or every:auto; or, with --strategy data, downpour or easgd, which do "
        + "what the strategy of that name does (default: everyStep).", valueName: "how"),
    transform: MeetingWords.init)
  var meet: MeetingWords?

  @Option(
    help: ArgumentHelp(
      "Replicas take this many steps of their own, then exchange what they learned; auto measures the shortest "
        + "interval that leaves 95% of the time to computation. Short for --meet every:STEPS.",
      valueName: "steps"),
    transform: Meeting.interval(every:))
  var exchangeEvery: Meeting.Interval?

  @Option(
    help: ArgumentHelp(
      "The ranks that form a replica and train synchronously: a number, or host (default: 1).",
      valueName: "ranks"), transform: Meeting.replica)
  var replica: Meeting.ReplicaSize?

  @Option(
    help: "The optimizer that moves the global weights by what replicas learned (default: sgd).")
  var outerOptimizer: Meeting.OuterRule?

  @Option(
    help: ArgumentHelp(
      "The outer learning rate (default: 1 for sgd, 0.7 for nesterov).", valueName: "rate"))
  var outerLearningRate: Double?

  @Option(help: "The outer momentum coefficient, for nesterov (default: 0.9).")
  var outerMomentum: Double?

  @Option(
    help: ArgumentHelp(
      "Exchanges the weights in this many fragments, in turn (default: 1).", valueName: "count"))
  var fragments: Int?

  @Option(
    help: ArgumentHelp(
      "Overlaps a fragment's exchange with this many steps (default: 0).", valueName: "steps"))
  var overlapSteps: Int?

  @Option(
    help:
      "How much of its own weights a replica keeps at an exchange, at least 0 and less than 1 (default: 0)."
  )
  var mix: Double?

  @Option(
    help: ArgumentHelp(
      "Averages the replicas' weights after each of this many first steps (default: 0).",
      valueName: "steps"))
  var warmUpSteps: Int?

  @Option(
    help: ArgumentHelp(
      "Slows a rank down: after each step it sleeps FACTOR - 1 times as long as it computed.",
      valueName: "rank:factor"))
  var straggler: Straggler?

  /// How replicas synchronize, as the library's setting.
  var meeting: Meeting { meeting(insteadOf: Meeting()) }

  /// Returns how replicas synchronize: as these options say, and as `kept` says where none of them was given.
  func meeting(insteadOf kept: Meeting) -> Meeting {
    var meeting = kept
    var every = exchangeEvery
    if case .interval(let interval) = meet { every = interval }
    // The other settings mean nothing to ranks that train in step.
    if every == .everyStep { meeting = Meeting() }
    if let every { meeting.every = every }
    if let replica { meeting.replica = replica }
    if let outerOptimizer, outerOptimizer != meeting.outerRule {
      meeting.outerRule = outerOptimizer
      (meeting.outerLearningRate, meeting.outerMomentum) = (nil, nil)
    }
    if let outerLearningRate { meeting.outerLearningRate = outerLearningRate }
    if let outerMomentum { meeting.outerMomentum = outerMomentum }
    if let fragments { meeting.fragments = fragments }
    if let overlapSteps { meeting.overlapSteps = overlapSteps }
    if let mix { meeting.mix = mix }
    if let warmUpSteps { meeting.warmUpSteps = warmUpSteps }
    return meeting
  }

  /// The name of the first of these options that was given; nil if none was.
  var given: String? {
    let all: [(name: String, isGiven: Bool)] = [
      ("meet", meet != nil), ("exchange-every", exchangeEvery != nil), ("replica", replica != nil),
      ("outer-optimizer", outerOptimizer != nil), ("outer-learning-rate", outerLearningRate != nil),
      ("outer-momentum", outerMomentum != nil), ("fragments", fragments != nil),
      ("overlap-steps", overlapSteps != nil), ("mix", mix != nil),
      ("warm-up-steps", warmUpSteps != nil),
    ]
    return all.first { $0.isGiven }?.name
  }

  func validate() throws {
    if meet != nil, exchangeEvery != nil {
      throw ValidationError(
        "--meet and --exchange-every are two ways to say the same thing: give one.")
    }
    try OptionBounds.check("outer-learning-rate", outerLearningRate, isOpen: true)
    try OptionBounds.check("fragments", fragments)
    try OptionBounds.check("overlap-steps", overlapSteps, in: 0...OptionBounds.most)
    try OptionBounds.check("warm-up-steps", warmUpSteps, in: 0...OptionBounds.most)
  }

  /// Checks that the library can synchronize replicas as these options say.
  func checkMeeting() throws {
    do { try meeting.check() } catch { throw ValidationError("\(error)") }
  }
}
