import AllReduce
import ArgumentParser
import ExampleSupport

/// Trains a network of two layers whose weights no rank holds as a whole, by a plan made by hand. Shows the
/// shards and the bytes sent of each rank, and that the result is the same as on one rank.
@main
struct SplitWeights: TrainingProgram {
  static let configuration = CommandConfiguration(
    commandName: "split-weights",
    abstract:
      "Shards the weights of a network over the ranks and shows what each holds and sends.",
    discussion: """
      The first layer is placed by columns (each rank computes some outputs of all inputs), the second by \
      rows (each computes a share of all outputs from its inputs); the shares are added up by the only \
      exchange of a step. The loss printed does not depend on how many ranks there are.

        mpirun -np 3 --oversubscribe .build/release/split-weights
      """,
    version: ProgramVersion.text)

  @Option(help: "Numbers of an example.")
  var inputs = 64

  @Option(help: "Numbers between the two layers.")
  var hidden = 100

  @Option(help: "Examples of a batch, the same on all ranks.")
  var batch = 50

  @Option(help: "Steps of plain gradient descent.")
  var steps = 200

  @OptionGroup(title: "Job") var job: JobOptions

  private static let classes = 10

  func describeData(in world: Communicator) -> String { "made up" }

  func validate() throws {
    try OptionBounds.check("inputs", inputs, in: 1...1 << 24)
    try OptionBounds.check("hidden", hidden, in: 1...1 << 24)
    try OptionBounds.check("batch", batch, in: 1...1 << 24)
    try OptionBounds.check("steps", steps)
  }

  static func main() {
    ProgramMain.run(SplitWeights.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  private func run(in world: Communicator, _ console: RankConsole) throws {
    try world.requireMemory(8 * batch * inputs, for: "a batch of \(batch) x \(inputs) numbers")
    let trainer = try Trainer(
      Sequential<Float>(Dense(inputs, hidden), ReLU(), Dense(hidden, SplitWeights.classes)),
      input: [inputs], plan: Plan(layers: ["0": .columns, "2": .rows]), over: world,
      optimizer: SGD(), loss: SoftmaxCrossEntropy(), seed: 1)
    let network = trainer.network
    try console.print(
      trainer.plan.table(
        for: Sequential<Float>(Dense(inputs, hidden), ReLU(), Dense(hidden, SplitWeights.classes)),
        input: [inputs], ranks: world.size) + "\n")
    try describe(network, world, console)

    let (examples, labels) = made()
    var score = BatchScore()
    for _ in 1...steps {
      // All ranks pass the same examples, because the first layer takes replicated input.
      score = try trainer.step(examples, .classes(labels), learningRate: 0.1)
    }

    let moved = trainer.exchanges.first { $0.kind == "all-reduce" }?.traffic.payloadBytes ?? 0
    let sent = try world.allGather([Int64(moved / steps)])
    try console.print("\nA step of \(batch) examples moves:")
    for rank in 0..<world.size {
      try console.print(
        "  rank \(rank): all-reduce of \(batch) x \(SplitWeights.classes) outputs, "
          + "\(Int(sent[rank]).grouped) bytes")
    }
    let whole = network.parameters.reduce(0) { $0 + $1.wholeShape.count }
    try console.print(
      "with data parallelism each rank would exchange the gradient of \(whole.grouped) parameters: "
        + "\((4 * whole).grouped) bytes to add up.")
    try console.print(
      "\nAfter \(steps) steps: loss \(score.meanLoss.formatted(decimals: 4)), \(score.correct) of "
        + "\(batch) right.")
  }

  /// Prints the shapes of each rank's shards. Collective.
  private func describe(
    _ network: Network<Float>, _ world: Communicator, _ console: RankConsole
  ) throws {
    let own = network.parameters[0].shard?.range ?? 0..<hidden
    let all = try world.allGather(
      [own.lowerBound, own.upperBound, network.parameterCount].map(Int64.init))
    for rank in 0..<world.size {
      let (from, to, count) = (all[3 * rank], all[3 * rank + 1], Int(all[3 * rank + 2]))
      try console.print(
        "  rank \(rank): hidden units \(from)..<\(to): weights [\(to - from), \(inputs)] and "
          + "[\(SplitWeights.classes), \(to - from)], \(count.grouped) parameters with biases")
    }
  }

  /// Creates examples of random numbers; an example's class is the index of the largest of its first ten numbers.
  private func made() -> (Tensor<Float>, [Int32]) {
    let random = Philox(seed: 2)
    let examples = Tensor<Float>(
      (0..<batch * inputs).map { Float(random.gaussian(at: UInt64($0))) }, shape: [batch, inputs])
    let labels = (0..<batch).map { row in
      let first = (0..<min(inputs, SplitWeights.classes)).map { examples[row * inputs + $0] }
      return Int32(first.indices.max { first[$0] < first[$1] } ?? 0)
    }
    return (examples, labels)
  }
}
