import AllReduce
import AllReduceMPI
import AllReduceNN
import ExampleSupport
import XCTest

/// The planner against all plans, and against what is known of some networks.
final class PlannerTests: XCTestCase {
  /// Numbers drawn one after the other.
  private struct Draws {
    let random = Philox(seed: 5)
    var next: UInt64 = 0
    mutating func below(_ count: Int) -> Int {
      next += 1
      return Int(random.block(at: next).x % UInt32(count))
    }
    mutating func one<Value>(of values: [Value]) -> Value { values[below(values.count)] }
  }

  private func network(_ draws: inout Draws) -> (Sequential<Float>, Shape) {
    var layers: [any Layer<Float>] = []
    var width = draws.one(of: [8, 64, 300])
    let input: Shape
    if draws.below(3) == 0 {
      input = [6, 6, 2]
      layers = [Conv2D(inputChannels: 2, outputChannels: 3, kernel: 3), ReLU(), Flatten()]
      width = 48
    } else {
      input = [width]
    }
    for number in 0..<1 + draws.below(2) {
      let next = draws.one(of: [7, 120, 900, 3000])
      layers.append(Dense(width, next))
      if draws.below(2) == 0 { layers.append(ReLU()) }
      if number == 0, draws.below(6) == 0 { layers.append(BatchNorm(next)) }
      width = next
    }
    return (Sequential(layers + [Dense(width, 6)]), input)
  }

  /// All ways to place the layers of a network that cannot go without a placement.
  private func placements(_ root: Sequential<Float>) -> [[String: Placement]] {
    root.children.reduce([[:]]) { all, child in
      let choices: [Placement?] =
        switch child.layer {
        case is Dense<Float>: [.data, .replicated, .columns, .rows]
        case is Conv2D<Float>: [.data, .replicated]
        case is BatchNorm<Float>: [nil, .data, .replicated]
        default: [nil]
        }
      return all.flatMap { placed in
        choices.map { choice in
          var placed = placed
          placed[child.name] = choice
          return placed
        }
      }
    }
  }

  func testTheSearchFindsWhatIsLeastOfAllPlans() throws {
    var draws = Draws()
    var (split, mixed) = (0, 0)
    for number in 0..<300 {
      let (root, input) = network(&draws)
      let profile = MachineProfile.byHand(
        .init(
          hosts: draws.one(of: [1, 2, 4]), ranksPerHost: draws.one(of: [1, 2]),
          linkBytesPerSecond: draws.one(of: [1e7, 1e8, 1e10]),
          operationsPerSecond: draws.one(of: [1e9, 1e11])))
      let batch = draws.one(of: [8, 64, 512]) * profile.ranks
      var task = Planner.Task(
        root, input: input, globalBatchSize: batch, optimizer: Momentum(), on: profile)
      (task.mayLeaveHosts, task.mayTakeTurns) = (false, false)
      func seconds(_ plan: Plan) -> Double? {
        try? StepPrediction(
          of: plan, for: root, input: input, rows: batch / profile.ranks, optimizer: Momentum(),
          on: profile
        ).seconds
      }
      var planner = try Planner(task)
      let found = try planner.run().best.prediction
      var least = [Plan.dataParallel, .modelParallel, .hybrid()].compactMap(seconds).min() ?? 0
      for model in (1...profile.ranks) where profile.ranks % model == 0 {
        for placed in placements(root) {
          for update in UpdateMode.allCases {
            var plan = Plan(
              layers: placed, grid: GridShape(data: profile.ranks / model, model: model))
            plan.update = update
            if let seconds = seconds(plan) { least = min(least, seconds) }
          }
        }
      }
      XCTAssertEqual(
        found.seconds, least, accuracy: least * 1e-9, "network \(number): \(root.summary)")
      let kinds = Set(found.layers.compactMap(\.placement))
      if kinds.contains(.columns) || kinds.contains(.rows) { split += 1 }
      if kinds.count > 1, kinds.contains(.data) { mixed += 1 }
    }
    XCTAssertGreaterThan(split, 30)
    XCTAssertGreaterThan(mixed, 3)
  }

  private func planned(
    _ words: String, _ profile: MachineProfile, batch: Int, memory: Double? = nil
  ) throws -> PlannedTraining {
    let words = try NetworkWords(words)
    let input = Shape(words.input)
    var task = Planner.Task(
      Sequential(try words.layers(for: input)), input: input,
      globalBatchSize: batch * profile.ranks, optimizer: Momentum(), on: profile)
    task.memory = memory
    var planner = try Planner(task)
    return try planner.run()
  }

  func testWideOnTwoHostsIsPlacedByColumnsAndRows() throws {
    let profile = MachineProfile.byHand(
      .init(hosts: 2, linkBytesPerSecond: 125e6, operationsPerSecond: 7e10))
    let planned = try planned("784,4096,relu,4096,relu,10", profile, batch: 64)
    // The middle layer by rows or by columns moves equal bytes, and was measured to take equally long.
    let placements = planned.best.prediction.layers.compactMap(\.placement)
    XCTAssertTrue(
      placements == [.columns, .rows, .rows] || placements == [.columns, .columns, .rows],
      "\(placements)")
    XCTAssertEqual(planned.best.prediction.hostsUsed, 2)
    let data = planned.pure.first { $0.name == "data" }
    XCTAssertGreaterThan(
      try XCTUnwrap(data).prediction.seconds / planned.best.prediction.seconds, 2)
  }

  /// The table has the bytes of all turns, not of one.
  func testTheLayersBytesAreThoseThatAStepSends() throws {
    let root = Sequential<Float>([
      Conv2D(inputChannels: 3, outputChannels: 16, kernel: 5), ReLU(), Flatten(),
      Dense(16 * 28 * 28, 2048), ReLU(), Dense(2048, 1000),
    ])
    let profile = MachineProfile.byHand(.init(hosts: 4))
    let plans: [(String, Plan)] = [
      ("data", .dataParallel), ("model", .modelParallel), ("at once", .hybrid(.atOnce)),
      ("broadcast", .hybrid(.broadcastInTurn)), ("scatter", .hybrid(.scatterInTurn)),
    ]
    for (name, plan) in plans {
      let prediction = try StepPrediction(
        of: plan, for: root, input: [32, 32, 3], rows: 32, optimizer: Momentum(), on: profile)
      let sent = try XCTUnwrap(
        StepPrediction.networkBytes(
          of: plan, for: root, input: [32, 32, 3], rows: 32, ranksPerHost: profile.ranksPerHost))
      let mean = Double(sent.reduce(0, +)) / Double(sent.count)
      let ofLayers = prediction.layers.reduce(0) { $0 + $1.cost.bytes }
      XCTAssertEqual(ofLayers / mean, 1, accuracy: 0.01, name)
    }
  }

  func testSumsOfABatchsStatisticsTakeTime() throws {
    let profile = MachineProfile.byHand(.init(hosts: 2, ranksPerHost: 1, linkLatency: 1e-3))
    func seconds(_ norm: any Layer<Float>) throws -> Double {
      try StepPrediction(
        of: .dataParallel, for: Sequential<Float>(Dense(8, 8), norm, Dense(8, 8)), input: [8],
        rows: 4, optimizer: SGD(), on: profile
      ).seconds
    }
    // Two all-reduces of two ranks, each a message.
    XCTAssertEqual(try seconds(BatchNorm(8)) - seconds(LayerNorm(8)), 2e-3, accuracy: 5e-4)
  }

  func testASlowLinkLeavesAHostIdle() throws {
    let profile = MachineProfile.byHand(.init(hosts: 2, linkBytesPerSecond: 1e6))
    let planned = try planned("784,4096,relu,4096,relu,10", profile, batch: 64)
    XCTAssertEqual(planned.best.prediction.hostsUsed, 1)
    XCTAssertNotNil(planned.runnerUp)
    XCTAssertGreaterThan(try XCTUnwrap(planned.turningPoint(.bandwidth)), 1)
  }

  func testMemoryDecidesAndIsSaid() throws {
    let profile = MachineProfile.byHand(.init(hosts: 4, linkBytesPerSecond: 1e7))
    let words = "1000,8000,relu,8000,relu,10"
    let whole = try planned(words, profile, batch: 16).best.prediction.peakBytes
    let limit = 0.6 * 8000 * 9000 * 12
    XCTAssertGreaterThan(whole, limit)
    let fitting = try planned(words, profile, batch: 16, memory: limit).best.prediction
    XCTAssertLessThanOrEqual(fitting.peakBytes, limit)
    XCTAssertGreaterThan(fitting.plan.grid?.model ?? 1, 1)
    XCTAssertThrowsError(try planned(words, profile, batch: 16, memory: 60e6)) { error in
      XCTAssertTrue("\(error)".contains("MiB more. What would help is"), "\(error)")
    }
  }

  func testManyLayersOnManyRanks() throws {
    let profile = MachineProfile.byHand(.init(hosts: 128, ranksPerHost: 8))
    let layers: [any Layer<Float>] = (0..<500).flatMap { _ -> [any Layer<Float>] in
      [Dense(1024, 1024), ReLU()]
    }
    var task = Planner.Task(
      Sequential(layers + [Dense(1024, 1024)]), input: [1024], globalBatchSize: 64 * 1024,
      optimizer: Momentum(), on: profile)
    task.mayLeaveHosts = true
    var planner = try Planner(task)
    let planned = try planner.run()
    XCTAssertLessThan(planned.best.prediction.seconds, .infinity)
    XCTAssertEqual(planned.best.prediction.layers.count, 1001)
  }

  func testWhatFitsFitsWithMoreMemoryRanksAndFewerExamples() throws {
    let words = "500,3000,relu,3000,relu,10"
    func fits(hosts: Int, memory: Double, batch: Int) -> Bool {
      let profile = MachineProfile.byHand(.init(hosts: hosts))
      return (try? planned(words, profile, batch: batch / hosts, memory: memory)) != nil
    }
    var last = false
    for memory in stride(from: 60e6, through: 240e6, by: 30e6) {
      let now = fits(hosts: 2, memory: memory, batch: 256)
      XCTAssertTrue(now || !last, "\(memory) bytes")
      last = now
    }
    XCTAssertTrue(last)
    last = false
    for hosts in [1, 2, 4, 8] {
      let now = fits(hosts: hosts, memory: 110e6, batch: 256)
      XCTAssertTrue(now || !last, "\(hosts) hosts")
      last = now
    }
    XCTAssertTrue(last)
    last = false
    for batch in [8192, 2048, 512, 128] {
      let now = fits(hosts: 4, memory: 110e6, batch: batch)
      XCTAssertTrue(now || !last, "\(batch) examples")
      last = now
    }
    XCTAssertTrue(last)
  }
}
