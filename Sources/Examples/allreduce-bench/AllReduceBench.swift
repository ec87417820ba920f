import AllReduce
import ArgumentParser
import ExampleSupport

/// Compares the algorithms of all-reduce with each other on the ranks of this job.
@main
struct AllReduceBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "allreduce-bench",
    abstract: "Compares the algorithms of all-reduce on these ranks.",
    discussion: """
      For every size, every rank rewrites its own buffer, all start together, and the time of a \
      call is that of its slowest rank. The algorithms take turns, so that whatever drifts hits all \
      alike, and every result is checked against one that is known exactly. Between hosts a turn of \
      up to 256 KiB begins with 7 calls that do not count: links would be faster for who comes after \
      one that left them idle.

        mpirun -np 2 .build/release/allreduce-bench
        mpirun -np 4 .build/release/allreduce-bench --algorithms ring,tree
        mpirun -np 2 .build/release/allreduce-bench --bytes 64,1Ki,16Mi --plot times.svg

      median, p10 and p99 are of the calls' times. algbw is bytes / median; busbw is algbw x \
      2(p-1)/p at p ranks: what each rank has to send if nothing is sent in vain. GB/s is 1e9 \
      bytes a second. automatic is one of the other algorithms at each size: where that one is \
      measured anyway its figures are the same call's, and the table marks them with *.

      Yardsticks: memcpy, in which all ranks copy a buffer of that size at once; limit, in which the \
      ranks of a host add up an arena in one pass over shared memory; tcp, in which one host sends \
      another 2(h-1)/h of the bytes at h hosts.

      With --tune it measures which algorithm and which segments are fastest for each size, and \
      keeps that in a file that automatic then follows on ranks placed like these:

        mpirun -np 4 .build/release/allreduce-bench --tune ~/.config/allreduce/tuning.json

      Standard error tells what is fastest as each size is done; the file is written at the end, aside \
      and renamed.

      Ends with 0; 1 if a result is wrong; 64 for wrong usage; 65 for a file that is none of its kind; 70 for any other failure.
      """,
    version: ProgramVersion.text)

  @OptionGroup var options: BenchOptions

  static func main() {
    ProgramMain.run(AllReduceBench.self) { command, world, console in
      switch command.options.type {
      case .float: try command.run(Float.self, in: world, console)
      case .double: try command.run(Double.self, in: world, console)
      case .int32: try command.run(Int32.self, in: world, console)
      case .int64: try command.run(Int64.self, in: world, console)
      }
    }
  }

  private func run<Scalar: BenchScalar>(
    _ type: Scalar.Type, in world: Communicator, _ console: RankConsole
  ) throws {
    let setting = try Setting(of: world)
    if let file = options.tune { return try tune(type, into: file, setting, world, console) }
    let contenders = options.contenders(hosts: setting.hosts)
    for hindrance in options.hindrances(hosts: setting.hosts) {
      console.note("\(hindrance): left out.")
    }
    let (chart, peers) = try world.agreeing {
      if contenders.isEmpty { throw BenchError.nothingToMeasure }
      try setting.checkMemory(for: options, contenders)
      guard world.isRoot else { return (nil as ChartFile?, [PeerTimes]()) }
      return (try ChartFile(options, setting), try options.peers.map(PeerTimes.init(file:)))
    }
    let report = Report(options, contenders, peers, setting, console)
    try report.begin()
    let benchmark = try Benchmark<Scalar>(options, contenders, setting, world)
    var all: [SizeResult] = []
    for bytes in options.sizes {
      let result = try benchmark.measure(bytes: bytes)
      try report.add(result)
      all.append(result)
    }
    try report.end(all)
    try world.agreeing {
      try chart?.write(all, contenders, peers)
      if let wrong = all.flatMap(\.wrongResults).first { throw BenchError.wrongResult(wrong) }
    }
  }

  private func tune<Scalar: BenchScalar>(
    _ type: Scalar.Type, into file: String, _ setting: Setting, _ world: Communicator,
    _ console: RankConsole
  ) throws {
    let output = try world.agreeing {
      if world.size == 1 { throw BenchError.tooFewRanks }
      try setting.checkMemory(for: options, Tuning<Scalar>.candidates(setting, bytes: .max))
      return world.isRoot ? try TuningOutput(file: file) : nil
    }
    console.note("Measuring what automatic should choose; \(setting.text)")
    var tuning = try Tuning<Scalar>(options, setting, world, console)
    let table = try tuning.run()
    try world.agreeing { try output?.write(table) }
    if let output { try console.print(output.text(table)) }
  }
}
