import AllReduce
import AllReduceMPI
import ArgumentParser
import ExampleSupport

/// Measures pushes of gradients to parameter servers and reads of their weights, beside an all-reduce of the same
/// number of bytes.
@main
struct ServerBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server-bench",
    abstract: "Measures pushes to parameter servers beside an all-reduce of their bytes.",
    discussion: """
      The last ranks serve, each an equal shard. All workers push at once, two pushes each under way, and plain SGD \
      applies them; then they read. Prints csv: operation, ranks, bytes, median_us, GBps (bytes of one worker over time).

        mpirun -np 2 .build/release/server-bench --bytes 2700000
      """)

  @Option(help: ArgumentHelp("Bytes of a push.", valueName: "bytes"))
  var bytes = 2_700_000

  @Option(help: ArgumentHelp("The last ranks that serve.", valueName: "ranks"))
  var servers = 1

  @Option(help: ArgumentHelp("Rounds, of which the median counts.", valueName: "count"))
  var rounds = 20

  @Option(help: ArgumentHelp("Operations a round.", valueName: "count"))
  var operations = 50

  static func main() {
    ProgramMain.run(ServerBench.self) { command, world, console in
      try command.run(in: world, console)
    }
  }

  func validate() throws {
    for (name, count) in [
      ("bytes", bytes), ("servers", servers), ("rounds", rounds), ("operations", operations),
    ] {
      try OptionBounds.check(name, count)
    }
  }

  private func run(in world: Communicator, _ console: RankConsole) throws {
    let width = 256
    let network = try Network<Float>(
      Dense(max(1, bytes / 4 / width), width), input: [max(1, bytes / 4 / width)])
    let layout = network.layout
    let elements = layout.reserved..<layout.count
    let roles = try world.agreeing {
      try ServerRoles(ranks: world.size, servers: servers, elements: elements)
    }
    let memory = try WorkerMemory<Float>(count: layout.count, roles, over: world)
    let link = try world.duplicate()
    var (pushes, reads): ([Double], [Double]) = ([], [])
    if let shard = roles.shard(of: world.rank) {
      let server = ShardServer(
        ServedShard(
          roles.shards[shard], of: network, SGD(), PlainRule(), workers: roles.workers.count),
        roles, memory, over: link)
      for _ in 0..<rounds { try server.serve(0..<0) }
    } else {
      let client = ShardClient(roles, memory, over: link)
      for _ in 0..<rounds {
        client.begin()
        pushes.append(try push(client, roles))
        reads.append(try read(client))
        try client.end()
      }
    }
    let sums = try allReduces(elements.count, world)
    guard world.isRoot else { return }
    try console.print("operation,ranks,bytes,median_us,GBps")
    for (name, seconds) in [("push", pushes), ("read", reads), ("allReduce", sums)] {
      let median = seconds.sorted()[seconds.count / 2]
      let bytes = elements.count * MemoryLayout<Float>.stride
      try console.print(
        "\(name),\(world.size),\(bytes),\((median * 1e6).formatted(decimals: 1)),"
          + (Double(bytes) / median / 1e9).formatted(decimals: 3))
    }
  }

  /// Returns the seconds per push to all servers, with two pushes in flight.
  private func push(_ client: ShardClient<Float>, _ roles: ServerRoles) throws -> Double {
    let seen = roles.shards.map { _ in 0 }
    return try seconds {
      for number in 1...operations {
        try client.waitForBuffer(number % 2)
        try client.push(number % 2, number: number, seen: seen, rate: 1e-6, scale: 1)
      }
      for buffer in 0...1 { try client.waitForBuffer(buffer) }
    }
  }

  /// Returns the seconds per read of all weights.
  private func read(_ client: ShardClient<Float>) throws -> Double {
    try seconds {
      for number in 0..<operations {
        try client.askForWeights(first: number, need: 0)
        _ = try client.takeWeights()
      }
    }
  }

  /// Returns, for each round, the seconds per all-reduce of `count` elements in an arena. Collective.
  private func allReduces(_ count: Int, _ world: Communicator) throws -> [Double] {
    let arena = try Arena<Float>(count: count, over: world)
    return try (0..<rounds).map { _ in
      try world.barrier()
      return try seconds {
        for _ in 0..<operations { try world.allReduce(arena.all, .sum) }
      }
    }
  }

  /// Runs a round of operations; returns the seconds per operation.
  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    return (clock.now - start) / .seconds(1) / Double(operations)
  }
}
