import AllReduce
import ArgumentParser
import ExampleSupport

/// Predicts which plan trains a network fastest, on machines that need not exist. Needs no MPI job.
@main
struct PlanTraining: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan-training",
    abstract: "Chooses where each layer's weights are, for a network and a cluster, and says why.",
    discussion: """
      The cluster is a profile that train-classifier --strategy auto has measured, or a few figures. The plan that \
      --write-plan writes runs with train-classifier --plan.

        .build/release/plan-training --model alexnet --hosts 8x1 --link 10Gbit,50us --compute 2TFLOP/s \\
          --batch-size 128
        .build/release/plan-training --layers 784,4096,relu,4096,relu,10 --hosts 2x1 --link 1Gbit,50us \\
          --write-plan plan.json
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case table, json
  }

  @Option(help: "The network, or a file {\"layers\": \"784,512,relu,10\"}.")
  var model: PlannedModel?

  @Option(
    help: ArgumentHelp("The network's layers, as train-classifier takes them.", valueName: "words"))
  var layers: String?

  @Option(help: ArgumentHelp("The measured profile of the machines.", valueName: "file"))
  var profile: String?

  @Option(help: ArgumentHelp("Hosts and the ranks of each, such as 4x8.", valueName: "hostsxranks"))
  var hosts: HostWords?

  @Option(
    help: ArgumentHelp(
      "With --hosts, a host's link: its bandwidth and latency (default: 1Gbit,50us).",
      valueName: "rate,latency"))
  var link: LinkWords?

  @Option(help: "With --hosts, the speed of a rank's computation (default: 100GFLOP/s).")
  var compute: OperationRate?

  @Option(help: "With --hosts, the memory bandwidth of a rank (default: 10GB/s).")
  var memoryRate: Rate?

  @Option(help: "The hosts of the profile that may be used (default: all).")
  var useHosts: Int?

  @Option(help: "The most memory of a rank: 16GiB, 512MiB (default: any).")
  var memory: MemoryWords?

  @Option(
    help: ArgumentHelp("Examples of a rank in a step (default: 64).", valueName: "count"))
  var batchSize: Int?

  @Option(
    help: ArgumentHelp(
      "Examples of all ranks together in a step, instead of --batch-size.", valueName: "count"))
  var globalBatchSize: Int?

  @Option(help: "The optimizer's state vectors: 1 for momentum, 2 for Adam, 0 for SGD.")
  var optimizerVectors = 1

  @Flag(help: "Also chooses among strategies that change the result of the training.")
  var allowInexact = false

  @Option(help: "table for people, json for programs.")
  var format: Format = .table

  @Option(help: ArgumentHelp("Writes the plan, for train-classifier --plan.", valueName: "file"))
  var writePlan: String?

  @Option(help: ArgumentHelp("Writes the profile, to keep and edit.", valueName: "file"))
  var writeProfile: String?

  @Option(
    help: ArgumentHelp(
      "Instead of one plan: draws the fastest kind of plan over batch sizes and bandwidths of the links.",
      valueName: "file.svg"))
  var map: String?

  @Option(
    help: ArgumentHelp(
      "Instead of one plan: draws how each strategy's speed grows with the hosts.",
      valueName: "file.svg"))
  var scaling: String?

  func validate() throws {
    if (model == nil) == (layers == nil) {
      throw ValidationError("Give one of --model and --layers.")
    }
    if (profile == nil) == (hosts == nil) {
      throw ValidationError("Give one of --profile and --hosts.")
    }
    if profile != nil {
      for (name, isGiven) in [
        ("link", link != nil), ("compute", compute != nil), ("memory-rate", memoryRate != nil),
      ] where isGiven {
        throw ValidationError("--profile already sets this: leave out --\(name).")
      }
    }
    if profile == nil, let useHosts {
      throw ValidationError(
        "--use-hosts \(useHosts) needs --profile; without it, give the number of hosts to --hosts.")
    }
    if batchSize != nil, globalBatchSize != nil {
      throw ValidationError(
        "--batch-size and --global-batch-size are two ways to say the same thing: give one.")
    }
    for (name, count) in [
      ("batch-size", batchSize), ("global-batch-size", globalBatchSize), ("use-hosts", useHosts),
    ] {
      try OptionBounds.check(name, count)
    }
    try OptionBounds.check("optimizer-vectors", optimizerVectors, in: 0...16)
    try checkCharts()
  }

  private func checkCharts() throws {
    guard map != nil || scaling != nil else { return }
    if map != nil, scaling != nil { throw ValidationError("Give one of --map and --scaling.") }
    let name = map == nil ? "scaling" : "map"
    if hosts == nil { throw ValidationError("--\(name) needs --hosts.") }
    if map != nil, batchSize != nil || globalBatchSize != nil {
      throw ValidationError("--map is drawn over batches: leave out their size.")
    }
    for (option, isGiven) in [
      ("write-plan", writePlan != nil), ("write-profile", writeProfile != nil),
      ("format json", format == .json),
    ] where isGiven {
      throw ValidationError("--\(name) draws many plans: leave out --\(option).")
    }
  }

  static func main() {
    ProgramMain.runAlone(PlanTraining.self) { command, console in
      try command.plan(console)
    }
  }

  private func plan(_ console: RankConsole) throws {
    if map != nil || scaling != nil { return try draw(console) }
    let machines = try machines()
    var planner = try Planner(
      try task(machines, globalBatchSize ?? (batchSize ?? 64) * machines.ranks))
    let planned = try planner.run()
    let report = PlanReport(planned)
    switch format {
    case .table: try console.print(report.text)
    case .json: try console.print(report.json)
    }
    try write(planned.best.prediction.plan.json, to: writePlan)
    try write(machines.json, to: writeProfile)
  }

  /// Creates the planner's task from the network, the machines and the global batch size.
  private func task(_ machines: MachineProfile, _ globalBatchSize: Int) throws -> Planner.Task {
    let words = try layers.map { try NetworkWords($0) } ?? model?.words() ?? NetworkWords("1,1")
    let input = layers == nil ? model?.example ?? Shape(words.input) : Shape(words.input)
    var task = Planner.Task(
      Sequential<Float>(try words.layers(for: input)), input: input,
      globalBatchSize: globalBatchSize, optimizer: RememberedVectors(count: optimizerVectors),
      on: machines)
    task.memory = memory?.bytes
    task.allowsInexact = allowInexact
    return task
  }

  private func draw(_ console: RankConsole) throws {
    let name = model?.name ?? "the network"
    let figures = try figures()
    if let map {
      let file = try OutputFile(path: map)
      let drawn = try StrategyMap(of: name, on: figures, task: task)
      try console.print(drawn.table.text)
      try file.write(drawn.svg)
      return try file.finish()
    }
    guard let scaling else { return }
    let file = try OutputFile(path: scaling)
    let drawn = try ScalingCurves(
      of: name, on: figures,
      batch: (globalBatchSize ?? batchSize ?? 64, globalBatchSize != nil), task: task)
    try console.print(drawn.table.text)
    try file.write(drawn.svg)
    try file.finish()
  }

  private func machines() throws -> MachineProfile {
    if let profile {
      let found = try MachineProfile(json: FileBytes.text(of: profile), file: profile)
      guard let useHosts else { return found }
      guard useHosts <= found.ranksPerHost.count else {
        throw ValidationError(
          "--use-hosts \(useHosts) is more than the \(found.ranksPerHost.count) hosts of \(profile)."
        )
      }
      return found.usingHosts(useHosts)
    }
    return .byHand(try figures())
  }

  private func figures() throws -> MachineProfile.Figures {
    guard let hosts else { throw ValidationError("Give one of --profile and --hosts.") }
    var figures = MachineProfile.Figures(hosts: hosts.hosts, ranksPerHost: hosts.ranksPerHost)
    if let link {
      figures.linkBytesPerSecond = link.rate.bytesPerSecond
      figures.linkLatency = link.latency.seconds
    }
    if let compute { figures.operationsPerSecond = compute.perSecond }
    if let memoryRate { figures.memoryBytesPerSecond = memoryRate.bytesPerSecond }
    return figures
  }

  private func write(_ text: String, to path: String?) throws {
    guard let path else { return }
    let file = try OutputFile(path: path)
    try file.write(text)
    try file.finish()
  }
}

/// An amount of memory as command lines give it: 16GiB, 512MiB, or in the other forms of `ByteCount`.
struct MemoryWords: ExpressibleByArgument {
  let bytes: Double

  init?(argument: String) {
    let text = argument.hasSuffix("iB") ? String(argument.dropLast()) : argument
    guard let count = ByteCount(argument: text), (1...1 << 60).contains(count.bytes) else {
      return nil
    }
    bytes = Double(count.bytes)
  }
}
