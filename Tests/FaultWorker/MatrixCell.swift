import AllReduce
import AllReduceMPI
import AllReduceNN
import Foundation

/// A cell of scripts/kill-matrix: a job does one thing again and again until something happens to one of its ranks.
struct MatrixCell {
  /// `before-init`, `start-up`, `finalise`, the name of a collective or algorithm, or of a training.
  let stage: String
  /// `kill`, `stop`, `exit`, `throw`, or `link`: its host loses its network.
  let action: String
  /// The rank that it happens to.
  let victim: Int
  /// After how many seconds of the stage.
  let seconds: Double
  /// For states, and for the file `struck`, which is made when it happens and names the launcher's job.
  let folder: String

  private var isVictim: Bool { MPI.launchedRank == victim }

  init?(_ arguments: [String]) {
    guard arguments.count >= 5, let victim = Int(arguments[2]), let seconds = Double(arguments[3])
    else { return nil }
    (stage, action, self.victim, self.seconds) = (arguments[0], arguments[1], victim, seconds)
    folder = arguments[4]
  }

  /// Runs this rank of the job.
  func run() throws {
    if stage == "before-init" { try strike() }
    if stage == "start-up" { strikeLater() }
    try MPI.run { world in
      try work(world)
    }
  }

  private func work(_ world: Communicator) throws {
    // Others are on their way out by then.
    if stage == "finalise" { return try strike() }
    strikeLater()
    let from = ContinuousClock.now
    // Errors are thrown by the thread that calls MPI.
    func strikeIfDue() throws {
      guard isVictim, ["throw", "exit"].contains(action),
        (.now - from) / .seconds(1) > seconds
      else { return }
      try strike()
    }
    var values = [Float](repeating: 1, count: 20_000)
    if let algorithm = ReductionAlgorithm.all.first(where: { $0.name == stage }) {
      while true {
        try strikeIfDue()
        try world.allReduce(&values, .sum, using: algorithm)
      }
    }
    switch stage {
    case "start-up", "broadcast":
      while true {
        try strikeIfDue()
        try world.broadcast(&values, from: 0)
      }
    case "push": try serve(world, strikeIfDue)
    default: try train(world, strikeIfDue)
    }
  }

  // MARK: Trainings

  /// Does something in each step.
  private struct StruckLoss: Loss {
    let strike: () throws -> Void

    func evaluate(
      _ output: Tensor<Float>, _ targets: Targets<Float>, gradient: Tensor<Float>?
    ) throws -> BatchScore {
      try strike()
      return try SoftmaxCrossEntropy().evaluate(output, targets, gradient: gradient)
    }
  }

  private func layers(_ data: TrainingData) -> Sequential<Float> {
    Sequential(Flatten(), Dense(data.training.exampleShape.count, 64), ReLU(), Dense(64, 10))
  }

  private func train(_ world: Communicator, _ strike: @escaping () throws -> Void) throws {
    let data = TrainingData.synthetic(count: 640, testCount: 32)
    var plan = Plan.dataParallel
    switch stage {
    case "model": plan = .modelParallel
    case "local-steps": plan.meeting = Meeting(every: 4)
    case "data", "checkpoint": break
    default: throw Mishap(exitCode: 64, description: "there is no stage \(stage)")
    }
    let trainer = try Trainer(
      layers(data), input: data.training.exampleShape, plan: plan, over: world,
      optimizer: Momentum(), loss: StruckLoss(strike: strike))
    let training = Training(trainer, data, globalBatchSize: 32)
    if stage == "checkpoint" { training.checkpoints = Checkpoints(folder: folder, everySteps: 1) }
    try training.run(epochs: 1_000_000)
  }

  private func serve(_ world: Communicator, _ strike: @escaping () throws -> Void) throws {
    let data = TrainingData.synthetic(count: 640, testCount: 32)
    let training = try ServedTraining(
      layers(data), data, over: world, ServerSettings(servers: 1), optimizer: SGD(),
      loss: StruckLoss(strike: strike), batchSize: 16)
    try training.run(epochs: 1_000_000)
  }

  // MARK: What happens

  private func strikeLater() {
    guard isVictim, ["kill", "stop", "link"].contains(action) else { return }
    let cell = self
    Thread.detachNewThread {
      Thread.sleep(forTimeInterval: cell.seconds)
      try? cell.strike()
    }
  }

  private func strike() throws {
    guard isVictim else { return }
    let variables = ProcessInfo.processInfo.environment
    let job = variables["PMIX_NAMESPACE"] ?? variables["OMPI_MCA_ess_base_jobid"] ?? ""
    _ = FileManager.default.createFile(atPath: folder + "/struck", contents: Data(job.utf8))
    switch action {
    case "kill": kill(getpid(), SIGKILL)
    case "stop": kill(getpid(), SIGSTOP)
    case "exit": exit(3)
    case "link":
      let command = Process()
      command.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      command.arguments = ["ip", "link", "set", "eth0", "down"]
      try command.run()
      command.waitUntilExit()
    default: throw Mishap(exitCode: 65, description: "the data is bad")
    }
  }
}
