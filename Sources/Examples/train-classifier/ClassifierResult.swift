import AllReduce
import ExampleSupport

/// The result of a training run, for people and for programs.
struct ClassifierResult {
  let options: ClassifierOptions
  let model: String
  let training: any ClassifierRun
  /// The seconds that the whole program took.
  let seconds: Double
  /// The figures of each rank.
  private let ranks: RankFigures
  /// The cosine between the weight changes of two replicas; nil where it was not measured.
  private let cosine: Double?
  /// How the plan was chosen automatically; nil if the options or a checkpoint set it.
  private let automatic: AutomaticPlan?
  /// Whether the plan came from a file or from a checkpoint.
  private let isPlanned: Bool

  /// Creates the result, with figures gathered from all ranks. Collective.
  init(
    options: ClassifierOptions, model: String, training: any ClassifierRun, seconds: Double,
    automatic: AutomaticPlan? = nil, placesAsBefore: Bool = false
  ) throws {
    self.automatic = automatic
    isPlanned = options.plan != nil || placesAsBefore
    (self.options, self.model, self.training, self.seconds) = (options, model, training, seconds)
    ranks = try training.figures()
    cosine = try training.trainer.differenceCosine()
  }

  private var trainer: Trainer<Float> { training.trainer }
  private var world: Communicator { training.world }
  private var data: TrainingData { training.data }

  private var predictsNumbers: Bool { options.own.predictsNumbers }
  private var exchange: ExchangeTimes { trainer.exchangeTimes }
  private var algorithm: ReductionAlgorithm { trainer.chosenAlgorithm }
  /// Whether the number of exchanged bytes is known; MPI's own algorithms do not report it.
  private var isCounted: Bool { algorithm != .native }

  /// The result as a JSON object with the keys of docs/schemas.md.
  var json: JSONValue {
    var all = members
    if let automatic {
      all.append(("plan", trainer.plan.jsonValue))
      all.append(("predicted_step_seconds", .number(orNull: automatic.prediction?.seconds)))
    }
    return .object(all + training.details.map { ($0.name, $0.value) })
  }

  private var members: [(String, JSONValue)] {
    [
      ("ranks", .integer(world.size)),
      ("hosts", .integer(world.hosts.count)),
      ("model", .text(model)),
      ("parameters", .integer(trainer.parameterCount)),
      ("strategy", .text(isPlanned ? "plan" : options.strategy.rawValue)),
      ("update", .text(training.update)),
      ("algorithm", .text(training.algorithm)),
      ("algorithm_requested", .text(options.algorithm.name)),
      ("compression", .text(trainer.plan.compression.name)),
      ("epochs", .integer(options.epochs)),
      ("steps", .integer(training.steps)),
      ("global_batch_size", .integer(training.globalBatchSize)),
      ("images_per_second", .number(orNull: training.examplesPerSecond)),
      ("step_seconds", .number(orNull: training.times.median)),
      ("train_loss", .numbers(training.trainLoss)),
      ("test_accuracy", predictsNumbers ? .null : .numbers(training.testAccuracy)),
      ("test_loss", .numbers(training.testLoss)),
      ("seconds", .number(seconds)),
      ("compute_seconds", .number(trainer.computeSeconds)),
      ("exchange_seconds", .number(exchange.exchangeSeconds)),
      ("hidden_seconds", .number(exchange.hiddenSeconds)),
      ("wait_seconds", .number(training.waitSeconds)),
      ("update_seconds", .number(trainer.updateSeconds)),
      ("network_bytes_sent", isCounted ? .integers(ranks.networkBytes) : .null),
      ("agreement_bytes_sent", .integers(ranks.agreementBytes)),
      ("memory_bytes_exchanged", isCounted ? .integers(ranks.memoryBytes) : .null),
      ("peak_resident_bytes", .integers(ranks.peakBytes)),
      (
        "proportional_bytes",
        ranks.proportionalBytes.contains(-1) ? .null : .integers(ranks.proportionalBytes)
      ),
      ("parameters_per_rank", .integers(ranks.parameters)),
      ("exchanges", .list(exchanges)),
      ("exchange_every", trainer.exchangeEvery.map { .integer($0) } ?? .null),
      ("outer_steps", trainer.outerSteps.map { .integer($0) } ?? .null),
      ("compute_utilisation", .number(orNull: training.utilisation)),
      ("difference_cosine", .number(orNull: cosine)),
      ("resumed_at_step", training.firstStep == 0 ? .null : .integer(training.firstStep)),
      ("stopped", .boolean(training.isStopped)),
      ("goodput", training.secondsSpent.json),
      ("weights_checksum", .text(Checksum.text(training.checksum))),
    ]
  }

  /// For each layer's exchanges, the number of bytes per step that rank 0 sends, reads or writes.
  private var exchanges: [JSONValue] {
    let steps = max(training.steps - training.firstStep, 1)
    return trainer.exchanges.map {
      .object([
        ("layer", .text($0.layer)), ("kind", .text($0.kind)),
        ("bytes", isCounted ? .integer($0.traffic.payloadBytes / steps) : .null),
      ])
    }
  }

  /// The result as text: facts, epochs, and where the time was spent.
  var text: String { "\(facts.text)\n\n\(epochs.text)\n\n\(costs.text)" }

  private var facts: TextTable {
    var facts = TextTable(titles: ["train-classifier", ""], alignments: [.left, .left])
    facts.add([
      "  ranks",
      world.hosts.count == 1 ? "\(world.size)" : "\(world.size) on \(world.hosts.count) hosts",
    ])
    facts.add([
      "  data",
      "\(data.training.name), \(data.training.count.grouped) examples of "
        + "\(data.training.exampleShape), \(data.test.count.grouped) to test on",
    ])
    facts.add(["  model", "\(model), \(trainer.parameterCount.grouped) parameters"])
    facts.add([
      "  batch",
      "\(training.globalBatchSize.grouped) examples of all ranks a step"
        + (options.accumulate == 1 ? "" : ", in \(options.accumulate) parts"),
    ])
    facts.add([
      "  optimizer",
      "\(options.learning.optimizer.rawValue), learning rate \(options.learning.rate)",
    ])
    facts.add(["  strategy", strategy])
    facts.add(["  exchange", "\(training.algorithm), \(training.update) update"])
    facts.add(["  compression", trainer.plan.compression.name])
    if let every = trainer.exchangeEvery {
      facts.add(["  replicas", "\(trainer.replicaCount), which meet every \(every) steps"])
    }
    if let utilisation = training.utilisation {
      facts.add(["  utilisation", utilisation.formatted(decimals: 3)])
    }
    if let cosine {
      facts.add(["  cosine", cosine.formatted(decimals: 3) + " between what replicas learned"])
    }
    if training.firstStep > 0 {
      facts.add(["  resumed", "after step \(training.firstStep.grouped)"])
    }
    let spent = training.secondsSpent
    if let goodput = spent.goodput {
      let parts = [
        ("useful", spent.useful), ("waiting", spent.waiting), ("repeated", spent.repeated),
        ("saving", spent.saving), ("restarting", spent.restarting), ("other", spent.other),
      ].filter { $0.1 >= 0.05 }.map { "\($0.0) \($0.1.formatted(decimals: 1)) s" }
      facts.add(["  goodput", ([goodput.formatted(decimals: 3)] + parts).joined(separator: ", ")])
    }
    if training.isStopped { facts.add(["  stopped", "after step \(training.steps.grouped)"]) }
    if predictsNumbers {
      facts.add([
        "  test loss",
        (training.testLoss.last ?? 0).formatted(decimals: 4)
          + ", in units of the targets' variance",
      ])
    } else if let accuracy = training.testAccuracy.last {
      facts.add(["  accuracy", accuracy.formatted(decimals: 4)])
    }
    if let speed = training.examplesPerSecond {
      facts.add(["  images/s", Int(speed).grouped])
    }
    facts.add(["  weights", Checksum.text(training.checksum) + " on all ranks"])
    return facts
  }

  private var strategy: String {
    let most = (ranks.parameters.max() ?? 0).grouped
    if let plan = options.plan { return "the plan in \(plan), up to \(most) parameters a rank" }
    if isPlanned { return "the plan of the state, up to \(most) parameters a rank" }
    return switch options.strategy {
    case .hybrid:
      "hybrid, transition \(options.sharing.transition ?? .scatterInTurn), "
        + (options.sharing.variableBatch ? "variable batch, " : "")
        + "up to \(most) parameters a rank"
    case .model: "model, up to \(most) parameters a rank"
    case .auto: "auto, up to \(most) parameters a rank"
    default: options.strategy.rawValue
    }
  }

  private var epochs: TextTable {
    var table = TextTable(
      titles: ["epoch", "loss", predictsNumbers ? "test loss" : "accuracy"])
    // A checkpoint of an earlier version has no test losses.
    let missing = training.trainLoss.count - training.testLoss.count
    for (index, loss) in training.trainLoss.enumerated() {
      let test =
        !predictsNumbers
        ? training.testAccuracy[index].formatted(decimals: 4)
        : index < missing ? "" : training.testLoss[index - missing].formatted(decimals: 5)
      table.add(["\(index + 1)", loss.formatted(decimals: 5), test])
    }
    return table
  }

  private var costs: TextTable {
    var table = TextTable(titles: ["a step of rank 0", "ms"], alignments: [.left])
    let stepCount = max(training.steps - training.firstStep, 1)
    let steps = Double(stepCount)
    for (name, seconds) in [
      ("forward and backward", trainer.computeSeconds), ("exchange", exchange.exchangeSeconds),
      ("  hidden by the backward pass", exchange.hiddenSeconds),
      ("  waited for", training.waitSeconds),
      ("update of the weights", trainer.updateSeconds),
    ] {
      table.add([name, (seconds / steps * 1000).formatted(decimals: 3)])
    }
    let bytes = ranks.networkBytes[0] + ranks.memoryBytes[0]
    table.add(["bytes exchanged", isCounted ? (bytes / stepCount).grouped : "not known"])
    table.add(["peak memory, MB", (Double(ranks.peakBytes[0]) / 1e6).formatted(decimals: 0)])
    return table
  }
}
