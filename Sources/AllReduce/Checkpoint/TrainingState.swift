package import AllReduceNN

/// Where a training run stands, apart from its tensors: what another run needs to resume with the same steps.
///
/// No value depends on the number of ranks. Random numbers are functions of a seed and of counts (`Philox`), so the
/// counts here are the whole state of the random numbers.
public struct TrainingState: Equatable, Sendable {
  /// The number of updates of the weights so far.
  public var steps = 0
  /// The epoch of the next step, counted from 0.
  public var epoch = 0
  /// The number of completed steps of the current epoch.
  public var stepsOfEpoch = 0
  /// The score over the completed steps of the current epoch.
  package var epochScore = BatchScore()
  /// The number that the next step's dropout masks depend on (``Trainer/nextStep``).
  public var randomStep: UInt64 = 0
  /// The assignment of examples to steps. Its batch size is the global one, which stays the same in a resumed run.
  package var sampler: EpochSampler
  /// A description of the update rule; different rules or settings have different descriptions.
  package var optimizer: String
  /// The schedule of the learning rate over the steps.
  package var schedule: LearningRateSchedule
  /// The mean loss of each completed epoch.
  package var trainLoss: [Double] = []
  /// The accuracy on the test examples after each completed epoch.
  package var testAccuracy: [Double] = []
  /// The mean loss on the test examples after each completed epoch; empty if the checkpoint has none.
  package var testLoss: [Double] = []
  /// The progress of replicas in their rounds; nil if all ranks train synchronously.
  package var replicas: KeptReplicas?

  /// The description of the whole network's layers (``Layer/summary``); nil in a checkpoint of version 1.
  package var layers: String?
  /// The layers in the form of the programs' option `--layers`; nil if the training program did not give them.
  package var layerWords: String?
  /// How the examples were read; nil if the caller read them in its own way.
  package var examples: ExampleFormat?
  /// The plan of the training run as JSON (``Plan/json``); nil in a checkpoint of version 1.
  package var plan: String?

  /// Creates the state before the first step.
  package init(sampler: EpochSampler, optimizer: String, schedule: LearningRateSchedule) {
    self.sampler = sampler
    self.optimizer = optimizer
    self.schedule = schedule
  }
}

extension TrainingState {
  /// The state as JSON on one line, in the form that a checkpoint's metadata holds.
  var encoded: String {
    var members: [(String, JSONValue)] = [
      ("steps", .integer(steps)), ("epoch", .integer(epoch)),
      ("steps_of_epoch", .integer(stepsOfEpoch)),
      (
        "epoch_score",
        .object([
          ("examples", .integer(epochScore.examples)), ("loss", .number(epochScore.loss)),
          ("correct", .integer(epochScore.correct)),
        ])
      ),
      // 64-bit numbers are strings, since many JSON readers keep only 53 bits.
      ("random_step", .text("\(randomStep)")),
      (
        "sampler",
        .object([
          ("examples", .integer(sampler.count)),
          ("global_batch_size", .integer(sampler.globalBatchSize)),
          ("seed", .text("\(sampler.seed)")), ("shuffles", .boolean(sampler.shuffles)),
        ])
      ),
      ("optimizer", .text(optimizer)), ("schedule", schedule.json),
      ("train_loss", .numbers(trainLoss)), ("test_accuracy", .numbers(testAccuracy)),
    ]
    if !testLoss.isEmpty { members.append(("test_loss", .numbers(testLoss))) }
    if let replicas { members.append(("replicas", replicas.json)) }
    if let examples { members.append(("examples", examples.json)) }
    for (name, text) in [("layers", layers), ("layer_words", layerWords), ("plan", plan)] {
      if let text { members.append((name, .text(text))) }
    }
    return JSONValue.object(members).encodedOnOneLine()
  }

  /// Creates a state from the text that ``encoded`` returns.
  ///
  /// - Throws: ``StateFields/Mistake`` that says what is missing or wrong.
  package init(encoded text: String) throws(StateFields.Mistake) {
    let fields = try StateFields(text)
    let sampler = try fields.object("sampler")
    self.init(
      sampler: EpochSampler(
        count: try sampler.count("examples"),
        globalBatchSize: try sampler.count("global_batch_size", from: 1),
        seed: try sampler.word("seed"), shuffles: try sampler.boolean("shuffles")),
      optimizer: try fields.text("optimizer"),
      schedule: try LearningRateSchedule(fields.object("schedule")))
    steps = try fields.count("steps")
    epoch = try fields.count("epoch")
    stepsOfEpoch = try fields.count("steps_of_epoch")
    let score = try fields.object("epoch_score")
    epochScore = BatchScore(
      examples: try score.count("examples"), loss: try score.number("loss"),
      correct: try score.count("correct"))
    randomStep = try fields.word("random_step")
    trainLoss = try fields.numbers("train_loss")
    testAccuracy = try fields.numbers("test_accuracy")
    if fields.has("test_loss") { testLoss = try fields.numbers("test_loss") }
    if fields.has("examples") { examples = try ExampleFormat(fields.object("examples")) }
    if fields.has("replicas") { replicas = try KeptReplicas(fields.object("replicas")) }
    layers = try fields.optionalText("layers")
    layerWords = try fields.optionalText("layer_words")
    plan = try fields.optionalText("plan")
  }
}

extension LearningRateSchedule {
  /// The schedule as JSON: `{"cosine": 0.05, "to": 0.0, "over": 100}`. The first key names the kind of schedule; its
  /// value is the first rate.
  var json: JSONValue {
    switch self {
    case .constant(let rate): .object([("constant", .number(rate))])
    case .stepwise(let rate, let factor, let after):
      .object([
        ("stepwise", .number(rate)), ("factor", .number(factor)), ("after", .integers(after)),
      ])
    case .cosine(let first, let last, let count):
      .object([("cosine", .number(first)), ("to", .number(last)), ("over", .integer(count))])
    case .warmUp(let first, let count, let next):
      .object([("warm_up", .number(first)), ("over", .integer(count)), ("then", next.json)])
    }
  }

  init(_ fields: StateFields) throws(StateFields.Mistake) {
    if fields.has("constant") {
      self = .constant(try fields.number("constant"))
    } else if fields.has("stepwise") {
      self = .stepwise(
        try fields.number("stepwise"), factor: try fields.number("factor"),
        after: try fields.counts("after"))
    } else if fields.has("cosine") {
      self = .cosine(
        from: try fields.number("cosine"), to: try fields.number("to"),
        over: try fields.count("over"))
    } else {
      self = .warmUp(
        from: try fields.number("warm_up"), over: try fields.count("over"),
        then: try LearningRateSchedule(fields.object("then")))
    }
  }
}
