import AllReduce
import AllReduceMPI
import XCTest

/// Profiles that are measured on the ranks of the job.
final class MachineProbeTests: CollectiveTestCase {
  func testAllRanksHaveTheSameProfile() throws {
    let world = try world()
    let profile = try MachineProbe(over: world, budget: 0.2).measured()
    XCTAssertEqual(profile.ranksPerHost, world.hosts.map(\.count))
    XCTAssertEqual(profile.network == nil, world.hosts.count == 1)
    try world.requireEqual(profile.json, "profile")
    XCTAssertEqual(try MachineProfile(json: profile.json, file: "profile"), profile)
    XCTAssertGreaterThan(profile.compute.operationsPerSecond, 1e8)
    XCTAssertGreaterThan(profile.compute.memoryBytesPerSecond, 1e8)
  }

  /// Who adds up and who updates is one rule: what a plan leaves open is predicted as it runs.
  func testUpdatesArePredictedAsTheyRun() throws {
    let world = try world()
    let root = Sequential<Float>(Dense(12, 8), ReLU(), Dense(8, 4))
    var profile = MachineProfile.byHand(.init(hosts: world.hosts.count))
    profile.ranksPerHost = world.hosts.map(\.count)
    var plans: [Plan] = [.dataParallel, .modelParallel]
    for compression: any GradientCompression in [.bfloat16, .topK(0.1)] {
      var plan = Plan.dataParallel
      plan.compression = compression
      plans.append(plan)
    }
    for plan in plans {
      let run = try plan.settled(for: root, input: [12], over: world)
      let predicted = try StepPrediction(
        of: plan, for: root, input: [12], rows: 4, optimizer: SGD(), on: profile)
      XCTAssertEqual(predicted.plan.update, run.update, run.json)
    }
  }

  func testLayersAreMeasuredWholeAndAsShards() throws {
    let world = try world()
    func measured(budget: Double) throws -> [ComputeRates.LayerTime] {
      try LayerProbe(over: world).measured(
        { Sequential<Float>(Dense(48, 30), ReLU(), Dense(30, 8)) }, input: [48], rows: 6,
        budget: budget)
    }
    let times = try measured(budget: 30)
    try world.requireEqual("\(times)", "times of layers")
    func rows(_ layer: String) -> Set<Int> { Set(times.filter { $0.layer == layer }.map(\.rows)) }
    XCTAssertTrue(rows("Dense 48 -> 30").contains(6), "\(times)")
    for size in 2...max(2, world.size) where world.size % size == 0 {
      let share = (30 + size - 1) / size
      XCTAssertTrue(rows("Dense 48 -> \(share)").contains(6 * size), "\(times)")
      XCTAssertTrue(rows("Dense \(share) -> 8").contains(6 * size), "\(times)")
    }
    // Without time for shards they are predicted from whole layers, which are always measured.
    XCTAssertEqual(Set(try measured(budget: 0).map(\.rows)), [6])
    XCTAssertTrue(times.allSatisfy { $0.forward >= 0 && $0.backward >= $0.backwardWithoutInput })
  }
}
