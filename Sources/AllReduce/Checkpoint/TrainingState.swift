package import AllReduceNN

/// Where a training run stands, apart from its tensors: what another run needs to resume with the same steps.
///
/// Nothing in it depends on the number of ranks. Random numbers are functions of a seed and of counts
/// (`Philox`), so the counts here are their whole state.
public struct TrainingState: Equatable, Sendable {
  /// Updates of the weights so far.
  public var steps = 0
  /// The epoch of the next step, from 0.
  public var epoch = 0
  /// How many steps of that epoch are done.
  public var stepsOfEpoch = 0
  /// The score of these steps.
  package var epochScore = BatchScore()
  /// The number that the next step's dropout masks depend on (``Trainer/nextStep``).
  public var randomStep: UInt64 = 0
  /// The assignment of examples to steps; its batch is the global one, which the state keeps.
  package var sampler: EpochSampler
  /// A description of the update rule that differs for different rules and settings.
  package var optimizer: String
  /// The learning rate over the steps.
  package var schedule: LearningRateSchedule
  /// The mean loss of each whole epoch.
  package var trainLoss: [Double] = []
  /// The accuracy on the test examples after each whole epoch.
  package var testAccuracy: [Double] = []
  /// The mean loss on the test examples after each whole epoch; empty in a state that has none.
  package var testLoss: [Double] = []
  /// Where replicas stand in their rounds; nil where all ranks train synchronously.
  package var replicas: KeptReplicas?

  /// The layers of the whole network (``Layer/summary``); nil in a state of version 1.
  package var layers: String?
  /// The layers as the programs' option `--layers` takes them, if the training program gave them.
  package var layerWords: String?
  /// How the examples were read; nil where that was the caller's own way.
  package var examples: ExampleFormat?
  /// The plan that the training had, as json (``Plan/json``); nil in a state of version 1.
  package var plan: String?

  /// The state before the first step.
  package init(sampler: EpochSampler, optimizer: String, schedule: LearningRateSchedule) {
    self.sampler = sampler
    self.optimizer = optimizer
    self.schedule = schedule
  }
}

extension TrainingState {
  /// The state as json on one line, as it stands in a checkpoint's metadata.
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
      // Numbers of 64 bits are strings: many JSON readers have 53 bits.
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

  /// Reads what ``encoded`` wrote.
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
  /// `{"cosine": 0.05, "to": 0.0, "over": 100}`: the first key says which, and its first rate.
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
