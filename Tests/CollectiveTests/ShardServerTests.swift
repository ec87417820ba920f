import AllReduce
import AllReduceMPI
import Foundation
import XCTest

/// Servers and workers without a training: pushes of whole numbers, whose sums are exact.
final class ShardServerTests: CollectiveTestCase {
  private struct Setting {
    let roles: ServerRoles
    let network: Network<Double>
    let server: ShardServer<Double>?
    let client: ShardClient<Double>?
  }

  private func setting(_ world: Communicator, servers: Int) throws -> Setting {
    let network = try Network<Double>(Dense(30, 11), input: [30])
    let layout = network.layout
    network.values.update(repeating: 0)
    let roles = try ServerRoles(
      ranks: world.size, servers: servers, elements: layout.reserved..<layout.count)
    let memory = try WorkerMemory<Double>(count: layout.count, roles, over: world)
    let link = try world.duplicate()
    guard let shard = roles.shard(of: world.rank) else {
      return Setting(
        roles: roles, network: network, server: nil,
        client: ShardClient(roles, memory, over: link))
    }
    return Setting(
      roles: roles, network: network,
      server: ShardServer(
        ServedShard(
          roles.shards[shard], of: network, SGD(), PlainRule(), workers: roles.workers.count),
        roles, memory, over: link), client: nil)
  }

  /// How much to do: scripts/test-servers does more.
  private func count(_ name: String, _ usual: Int) -> Int {
    ProcessInfo.processInfo.environment["ALLREDUCE_SERVER_" + name].flatMap { Int($0) } ?? usual
  }

  /// What a push adds to an element.
  private func value(_ number: Int, _ rank: Int, at element: Int) -> Double {
    Double((1 + number % 97 + rank) * (1 + element % 3))
  }

  /// Pushes that are added to the weights, with reads in between, in an order that a seed draws.
  private func push(_ count: Int, _ client: ShardClient<Double>, _ setting: Setting, rank: Int)
    throws
  {
    let random = Philox(seed: UInt64(rank + 1))
    let ranges = setting.network.layout.ranges
    client.begin()
    var isReading = false
    for number in 1...count {
      let buffer = number % 2
      try client.waitForBuffer(buffer)
      let values = client.buffers.pushes[buffer]
      for element in ranges.joined() { values[element] = value(number, rank, at: element) }
      try client.push(
        buffer, number: number, seen: setting.roles.shards.map { _ in 0 }, rate: -1, scale: 1)
      let draw = random.block(at: UInt64(number), stream: 0).x
      if isReading, draw % 3 == 0 {
        let read = try client.takeWeights()
        isReading = false
        // A shard is whole: of each push all of it is there, or nothing.
        for (shard, range) in setting.roles.shards.enumerated() {
          let elements = ranges.map { $0.clamped(to: range) }.joined()
          let sums = Set(elements.map { client.buffers.weights[$0] / value(0, 0, at: $0) })
          XCTAssertEqual(sums.count, 1, "shard \(shard) is torn")
          XCTAssertLessThanOrEqual(read.included[shard], number)
        }
      }
      if !isReading, draw % 5 == 0 {
        try client.askForWeights(first: number, need: 0)
        isReading = true
      }
      if draw % 50 == 0 { sleepThread(seconds: Double(draw % 7) * 1e-4) }
    }
    try client.end()
  }

  func testNoPushIsLostOrAppliedTwice() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    let servers = max(1, world.size / 3)
    let setting = try setting(world, servers: servers)
    let pushes = count("PUSHES", 2000)
    if let client = setting.client { try push(pushes, client, setting, rank: world.rank) }
    if let server = setting.server {
      try server.serve(0..<0)
      XCTAssertEqual(server.shard.version, pushes * setting.roles.workers.count)
      let sum = setting.roles.workers.reduce(0.0) { sum, rank in
        sum + (1...pushes).reduce(0) { $0 + value($1, rank, at: 0) }
      }
      for element in setting.network.layout.ranges.joined()
      where server.shard.range.contains(element) {
        XCTAssertEqual(
          server.shard.weights[element - server.shard.range.lowerBound],
          sum / value(0, 0, at: 0) * value(0, 0, at: element), "element \(element)")
      }
    }
    try world.barrier()
  }

  func testARunWithRandomDelaysEnds() throws {
    let world = try world()
    try XCTSkipIf(world.size < 2, "a server and a worker are two ranks")
    for round in 0..<count("ROUNDS", 6) {
      let setting = try setting(world, servers: 1 + round % min(3, world.size - 1))
      try setting.server?.serve(0..<40)
      if let client = setting.client {
        let random = Philox(seed: UInt64(100 * round + world.rank))
        client.begin()
        try client.askForBatch()
        var number = 0
        while let batch = try client.takeBatch() {
          try client.askForBatch()
          number += 1
          // The bound goes with the clock of the slowest: no worker may get stuck.
          try client.askForWeights(first: number - 1, need: number - 1 - round % 4)
          _ = try client.takeWeights()
          sleepThread(seconds: Double(random.block(at: UInt64(batch), stream: 0).x % 3000) * 1e-6)
          if batch % 5 == 4 {
            try client.tick()
          } else {
            try client.waitForBuffer(number % 2)
            try client.push(
              number % 2, number: number, seen: setting.roles.shards.map { _ in 0 }, rate: 0,
              scale: 1)
          }
        }
        try client.end()
      }
      try world.barrier()
    }
  }
}
