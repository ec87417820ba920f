import AllReduce
import ArgumentParser
import ExampleSupport

/// The optimizers that a command line can name.
enum OptimizerName: String, CaseIterable, ExpressibleByArgument {
  case sgd, momentum, nesterov, adagrad, adam, adamw, lars
}

/// How the learning rate changes during a run.
enum ScheduleName: String, CaseIterable, ExpressibleByArgument {
  case constant, step, cosine
}

/// The options that decide how a step changes the weights: optimizer, learning rate, clipping and label smoothing.
struct LearningOptions: ParsableArguments {
  @Option(help: "The optimizer.")
  var optimizer: OptimizerName = .momentum

  @Option(
    help: ArgumentHelp(
      "The learning rate (default: 0.05; 0.01 for adagrad, 0.001 for adam and adamw, 1 for lars).",
      valueName: "rate"))
  var learningRate: Double?

  @Option(
    help:
      "How the learning rate changes: step divides it by 10 after 1/2 and 3/4 of all steps (default: constant)."
  )
  var schedule: ScheduleName?

  @Option(
    help: ArgumentHelp(
      "Raises the learning rate from 0 over this many first steps (default: 0).", valueName: "steps"
    ))
  var warmUp: Int?

  @Option(help: "The momentum coefficient, for momentum, nesterov and lars.")
  var momentum = 0.9

  @Option(help: "The weight decay coefficient (default: 0; 0.01 for adamw).")
  var weightDecay: Double?

  @Option(help: ArgumentHelp("Clips the gradient to this global norm.", valueName: "norm"))
  var clip: Double?

  @Option(
    help: "How much of the target is spread over all classes, at least 0 and less than 1.")
  var labelSmoothing = 0.0

  /// The learning rate before the schedule lowers it: the given one, or the optimizer's default.
  var rate: Double {
    if let learningRate { return learningRate }
    return switch optimizer {
    case .sgd, .momentum, .nesterov: 0.05
    case .adagrad: 0.01
    case .adam, .adamw: 0.001
    case .lars: 1
    }
  }

  /// The update rule of the optimizer, with its coefficients.
  var rule: any UpdateRule {
    let decay = weightDecay ?? 0
    return switch optimizer {
    case .sgd: SGD(weightDecay: decay)
    case .momentum: Momentum(momentum, weightDecay: decay)
    case .nesterov: Momentum(momentum, nesterov: true, weightDecay: decay)
    case .adagrad: Adagrad(weightDecay: decay)
    case .adam: Adam(weightDecay: decay)
    case .adamw: Adam.decoupled(weightDecay: weightDecay ?? 0.01)
    case .lars: LARS(momentum: momentum, weightDecay: decay)
    }
  }

  /// Returns the schedule of the learning rate for a run of `steps` steps.
  func rates(steps: Int) -> LearningRateSchedule {
    let warmUp = warmUp ?? 0
    let after = max(steps - warmUp, 1)
    let main: LearningRateSchedule =
      switch schedule {
      case .constant, nil: .constant(rate)
      case .step: .stepwise(rate, factor: 0.1, after: [after / 2, after * 3 / 4])
      case .cosine: .cosine(from: rate, over: after)
      }
    // The warm-up does not begin at 0, so that the first step already changes the weights.
    return warmUp == 0 ? main : .warmUp(from: rate / Double(warmUp + 1), over: warmUp, then: main)
  }

  func validate() throws {
    try OptionBounds.check("learning-rate", learningRate, isOpen: true)
    try OptionBounds.check("momentum", momentum, below: 1)
    try OptionBounds.check("weight-decay", weightDecay)
    try OptionBounds.check("clip", clip, isOpen: true)
    try OptionBounds.check("label-smoothing", labelSmoothing, below: 1)
    try OptionBounds.check("warm-up", warmUp, in: 0...OptionBounds.most)
  }

  /// Checks that a checkpoint to resume from has the learning rate, schedule and warm-up that the user gave. A schedule
  /// covers all steps of the run from its beginning, so the checkpoint's values hold for options that were not given.
  func check(_ state: TrainingState) throws {
    var (main, steps) = (state.schedule, 0)
    if case .warmUp(_, let over, let next) = main { (main, steps) = (next, over) }
    let (name, first): (ScheduleName, Double) =
      switch main {
      case .constant(let rate): (.constant, rate)
      case .stepwise(let rate, _, _): (.step, rate)
      case .cosine(let rate, _, _): (.cosine, rate)
      case .warmUp(_, _, let next): (.constant, next.rate(afterSteps: 0))
      }
    if let learningRate { try TrainingState.require(learningRate, first, "--learning-rate is") }
    if let schedule {
      try TrainingState.require(schedule.rawValue, name.rawValue, "--schedule is")
    }
    if let warmUp { try TrainingState.require(warmUp, steps, "--warm-up is") }
  }
}
