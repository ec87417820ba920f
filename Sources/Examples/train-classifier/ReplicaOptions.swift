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
  var meeting: Meeting {
    var every = exchangeEvery ?? .everyStep
    if case .interval(let interval) = meet { every = interval }
    var meeting = Meeting(every: every, replica: replica ?? .ranks(1))
    if let outerOptimizer { meeting.outerRule = outerOptimizer }
    (meeting.outerLearningRate, meeting.outerMomentum) = (outerLearningRate, outerMomentum)
    (meeting.fragments, meeting.overlapSteps) = (fragments ?? 1, overlapSteps ?? 0)
    (meeting.mix, meeting.warmUpSteps) = (mix ?? 0, warmUpSteps ?? 0)
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
