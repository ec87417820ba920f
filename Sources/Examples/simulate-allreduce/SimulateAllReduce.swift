import AllReduce
import AllReduceMPI
import ArgumentParser
import ExampleSupport

/// Predicts how long an all-reduce takes on machines that need not exist. Needs no MPI job.
@main
struct SimulateAllReduce: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate-allreduce",
    abstract: "Runs the schedules of all-reduce over a virtual clock.",
    discussion: """
      The schedules are those that run over MPI; only the elements are missing. A host has one link, which its \
      ranks share; a message of b bytes takes latency + b / bandwidth where it meets no other.

        .build/release/simulate-allreduce --ranks 4...1024 --latency 5us --bandwidth 12.5GB/s
        .build/release/simulate-allreduce --algorithms ring,tree --ranks 64 --ranks-per-host 8 \\
          --bytes 1Ki...64Mi --latency 50us --bandwidth 1Gbit/s --format csv --plot times.svg
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case table, csv, json
  }

  @Option(help: ArgumentHelp("The algorithms to compare, separated by commas.", valueName: "names"))
  var algorithms = "ring,tree,recursiveDoubling,halvingDoubling"

  @Option(
    help: "Numbers of ranks: a range such as 4...1024, which doubles, or a list such as 3,5,8.")
  var ranks = "4...64"

  @Option(help: "The ranks on each host.")
  var ranksPerHost = 1

  @Option(
    help: ArgumentHelp(
      "Bytes of a rank's buffer: a range, which grows by factors of 4, or a list.",
      valueName: "sizes"))
  var bytes = "64,64Ki,16Mi"

  @Option(
    help:
      "The latency between hosts, from the start of a message until its first byte arrives: 5us, 2ms."
  )
  var latency: Seconds

  @Option(help: "The bandwidth of a host's link in each direction: 12.5GB/s, 1Gbit/s.")
  var bandwidth: Rate

  @Option(help: "The latency between ranks of a host.")
  var hostLatency = Seconds(0.5e-6)

  @Option(
    help:
      "The bandwidth between ranks of a host; under hierarchical, the memory bandwidth of a rank."
  )
  var hostBandwidth = Rate(5e9)

  @Option(help: "The processor time of a message, at each end.")
  var messageTime = Seconds(0)

  @Option(help: "The bytes that a rank combines in a second (default: unlimited).")
  var reductionRate: Rate?

  @Option(help: "The jitter: latencies are longer by this share on average, drawn at random.")
  var jitter = 0.0

  @Option(
    help: ArgumentHelp(
      "A rank whose processor is slower, as RANK:FACTOR; may be given more than once.",
      valueName: "rank:factor"))
  var straggler: [Straggler] = []

  @Option(help: "The seed of the jitter.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "The largest number of bytes of a message (default: as over MPI).", valueName: "bytes"))
  var segmentBytes: ByteCount?

  @Option(help: "The form of the output.")
  var format: Format = .table

  @Option(
    help: ArgumentHelp(
      "Draws a chart: time against ranks, or against bytes where there is one number of ranks.",
      valueName: "file"))
  var plot: String?

  @Option(
    help: ArgumentHelp(
      "Writes the schedules of the first algorithm, size and number of ranks as GOAL, the input of LogGOPSim.",
      valueName: "file"))
  var goal: String?

  static func main() {
    ProgramMain.runAlone(SimulateAllReduce.self) { command, console in
      try command.simulate(console)
    }
  }

  private func simulate(_ console: RankConsole) throws {
    let work = try SimulatedSizes(self)
    if let goal { try write(work.goalText(), to: goal) }
    let chart = try plot.map { try OutputFile(path: $0) }
    let times = SimulatedTimes(work.results())
    switch format {
    case .table: try console.print(times.table)
    case .csv: try console.print(times.csv)
    case .json: try console.print(times.json)
    }
    try chart?.write(times.chart(subtitle: work.words))
    try chart?.finish()
  }

  private func write(_ text: String, to path: String) throws {
    let file = try OutputFile(path: path)
    try file.write(text)
    try file.finish()
  }
}
