import AllReduce
import ArgumentParser
import ExampleSupport

/// Linear regression by gradient descent, whose sums are computed by all ranks together.
@main
struct TrainLinreg: TrainingProgram {
  static let configuration = CommandConfiguration(
    commandName: "train-linreg",
    abstract: "Trains a linear regression by map-reduce.",
    discussion: """
      Every rank adds up the gradient over its own examples (the map); all-reduce adds the ranks' \
      sums (the reduce); every rank then takes the same step. Without --data it learns from made-up \
      examples. Afterwards rank 0 repeats the descent alone over all examples and solves the \
      problem exactly, to show that the ranks together found what one process finds.

        mpirun -np 4 .build/release/train-linreg
        mpirun -np 4 .build/release/train-linreg --data data/diabetes.csv \\
          --target progression

      Ends with 0; 1 if the check fails; 64 for wrong usage; 65 for bad data or a learning rate \
      that diverges; 70 for any other failure.
      """,
    version: ProgramVersion.text)

  @OptionGroup var options: LinregOptions

  @OptionGroup(title: "Job") var job: JobOptions

  static func main() {
    ProgramMain.run(TrainLinreg.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  func describeData(in world: Communicator) throws -> String {
    guard let file = options.data else { return "made up from seed \(options.seed)" }
    guard let target = options.target, OwnData.kind(of: file) == .npy else {
      return try DataFile.describe(file)
    }
    return try "\(DataFile.describe(file)); targets \(DataFile.describe(target))"
  }

  private func run(in world: Communicator, _ console: RankConsole) throws {
    var (problem, examples, all) = try ProblemSource(options, world, console).load()
    if options.partitioned, options.verify {
      console.note("No rank holds all rows of \(problem.source), so the result is not checked.")
    }
    let exchange = Exchange(
      options.combine, over: world, using: options.algorithm, count: problem.features + 2)

    // In standard units, every feature has mean 0 and deviation 1 over the rows of all ranks.
    let units = try Standardization(of: examples, in: problem, exchange)
    try world.agreeing { try units.check(problem) }
    units.apply(to: &examples)

    let rate =
      try options.learningRate
      ?? LearningRate.safe(
        for: examples, in: problem, batchSize: options.batchSize, exchange)
    let settings = DescentSettings(options, problem, rate: rate)
    if options.ranksReport {
      let report = try RanksReport(of: examples, in: problem, settings, exchange, world)
      if options.format == .text {
        try console.print(report.text)
      } else {
        console.note(report.text)
      }
    }

    try world.barrier()
    let clock = ContinuousClock()
    let start = clock.now
    if options.strategy == .lbfgs {
      let found = try QuasiNewton(
        on: examples, in: problem, servers: options.servers ?? 1,
        evaluations: options.epochs ?? 1000, over: world)
      let result = LinregResult(
        problem: problem, options: options, settings: settings, algorithm: exchange.algorithm,
        epochs: found.evaluations, ending: .settled, lastChange: 0,
        seconds: (clock.now - start) / .seconds(1), theta: units.ownUnits(found.theta),
        loss: found.sumOfSquares / Double(problem.examples),
        r2: 1 - found.sumOfSquares / units.targetSquares)
      return try finish(result, in: world, console) { result in
        try Verification.compare(with: &all, theta: result.theta, over: world)
      }
    }
    var descent = GradientDescent(on: examples, in: problem, settings, exchange)
    let ending = try descent.run(progress: ProgressNotes(on: console))
    let seconds = (clock.now - start) / .seconds(1)
    if ending == .diverged {
      let safe = try LearningRate.safe(
        for: examples, in: problem, batchSize: options.batchSize, exchange)
      try world.agreeing { throw LinregError.diverged(rate: rate, safe: safe) }
    }
    let squares = try descent.sumOfSquares()

    let result = LinregResult(
      problem: problem, options: options, settings: settings, algorithm: exchange.algorithm,
      epochs: descent.epochs, ending: ending, lastChange: descent.lastChange, seconds: seconds,
      theta: units.ownUnits(descent.theta), loss: squares / Double(problem.examples),
      r2: 1 - squares / units.targetSquares)
    try finish(result, in: world, console) { _ in
      try Verification.run(
        on: &all, in: problem, settings, epochs: descent.epochs, theta: descent.theta, in: units,
        over: world)
    }
  }

  /// Checks a result if it is to be checked, and prints it; throws if the check fails. Collective.
  private func finish(
    _ found: LinregResult, in world: Communicator, _ console: RankConsole,
    _ check: (LinregResult) throws -> Verification?
  ) throws {
    var result = found
    if result.problem.isChecked { result.check = try check(result) }
    switch options.format {
    case .text: try console.print(result.text)
    case .json: try console.print(result.json.encoded())
    }
    if let warning = result.warning { console.note(warning) }
    try world.agreeing { try result.check?.failure.map { throw $0 } }
  }
}
