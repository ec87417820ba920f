import AllReduce
import Dispatch
import Synchronization
import XCTest

/// Proves the schedules, for every algorithm and collective.
final class ScheduleTests: XCTestCase {
  static let algorithms: [ReductionAlgorithm.Kind] = [
    .ring, .tree, .flatTree, .doubleTree, .recursiveDoubling, .halvingDoubling, .gatherAndReduce,
  ]

  static func collectives(_ size: Int) -> [Collective] {
    var collectives: [Collective] = [.allReduce, .reduceScatter, .allGather]
    for root in Set([0, size / 2, size - 1]) {
      collectives += [.broadcast(root: root), .reduce(root: root)]
    }
    return collectives
  }

  /// From how many ranks a rank receives at most.
  static func peers(_ algorithm: ReductionAlgorithm.Kind, _ size: Int) -> Int {
    algorithm == .gatherAndReduce || algorithm == .flatTree ? size : 7
  }

  static func schedules(
    _ collective: Collective, _ algorithm: ReductionAlgorithm.Kind, size: Int, count: Int,
    segment: Int, _ wireFormat: WireFormat = .full
  ) -> [Schedule] {
    // Everyone sends to everyone: a few segments more than the window show as much as 100.
    let isMany = collective == .allReduce && algorithm == .gatherAndReduce
    return (0..<size).map {
      Schedule(
        collective, by: algorithm, rank: $0, size: size, count: count,
        segment: isMany ? max(segment, count / 6 + 1) : segment, wireFormat: wireFormat)
    }
  }

  /// Called for each case of a proof, with its title and a body that throws if the schedule is wrong.
  typealias Check = (_ title: String, _ body: () throws -> Void) -> Void

  /// Proves the cases of all numbers of ranks, on all cores.
  static func prove(
    _ sizes: ClosedRange<Int>, _ body: @Sendable (_ size: Int, _ check: Check) -> Void
  ) {
    let failures = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: sizes.count) { place in
      // The largest, which take longest, first.
      body(sizes.upperBound - place) { title, body in
        do { try body() } catch { failures.withLock { $0.append("\(title): \(error)") } }
      }
    }
    for failure in failures.withLock({ $0 }) { XCTFail(failure) }
  }

  /// Every contribution arrives exactly once, on all ranks in the same expression, and no rank waits
  /// forever: 1...64 ranks.
  func testEveryScheduleIsRight() throws {
    Self.prove(1...64) { size, check in
      let cases = [(0, 1), (1, 1), (size - 1, 2), (size + 1, 1000), (2 * size + 3, 2)]
      for algorithm in Self.algorithms {
        for collective in Self.collectives(size) {
          for (count, segment) in cases {
            let schedules = Self.schedules(
              collective, algorithm, size: size, count: count, segment: segment)
            check("\(collective) by \(algorithm), \(size) ranks, \(count) elements") {
              _ = try ScheduleVerifier.verify(collective, schedules)
            }
          }
        }
      }
    }
  }

  /// Whatever the order in which messages and additions end, the result is the same.
  func testOrderOfCompletionDoesNotMatter() throws {
    let orders: [ScheduleVerifier.Order] = [
      .newestFirst, .shuffled(seed: 1), .shuffled(seed: 2), .shuffled(seed: 3),
    ]
    Self.prove(1...17) { size, check in
      for algorithm in Self.algorithms {
        for collective in Self.collectives(size) {
          for (count, segment) in [(40, 1), (40, 3), (67, 16)] {
            let schedules = Self.schedules(
              collective, algorithm, size: size, count: count, segment: segment)
            for order in orders {
              check("\(collective) by \(algorithm), \(size) ranks, \(count)/\(segment), \(order)") {
                _ = try ScheduleVerifier.verify(collective, schedules, order: order)
              }
            }
          }
        }
      }
    }
  }

  /// The steps and bytes that docs/algorithms.md states.
  func testStepsAndBytesOfAllReduce() throws {
    for size in 1...64 {
      let count = 64 * size
      let floor = Int.bitWidth - 1 - size.leadingZeroBitCount
      let ceiling = size == 1 << floor ? floor : floor + 1
      let extra = size - (1 << floor)
      func measure(_ algorithm: ReductionAlgorithm.Kind) throws -> ScheduleVerifier.Measures {
        try ScheduleVerifier.verify(
          .allReduce,
          Self.schedules(.allReduce, algorithm, size: size, count: count, segment: count))
      }

      let ring = try measure(.ring)
      XCTAssertEqual(ring.steps, 2 * (size - 1), "ring, \(size) ranks")
      XCTAssertEqual(
        ring.elementsSent, Array(repeating: 2 * (size - 1) * count / size, count: size))

      let tree = try measure(.tree)
      XCTAssertEqual(tree.steps, 2 * ceiling, "tree, \(size) ranks")
      XCTAssertEqual(tree.elementsSent.reduce(0, +), 2 * (size - 1) * count)
      XCTAssertEqual(tree.elementsSent.max(), size == 1 ? 0 : ceiling * count)

      let doubling = try measure(.recursiveDoubling)
      XCTAssertEqual(doubling.steps, floor + (extra > 0 ? 2 : 0), "doubling, \(size) ranks")
      XCTAssertEqual(doubling.elementsSent.max(), (floor + (extra > 0 ? 1 : 0)) * count)

      let halving = try measure(.halvingDoubling)
      XCTAssertEqual(halving.steps, 2 * floor + (extra > 0 ? 2 : 0), "halving, \(size) ranks")
      let active = 1 << floor
      if extra == 0 {
        XCTAssertEqual(
          halving.elementsSent, Array(repeating: 2 * (size - 1) * count / size, count: size))
      } else {
        let most = 2.0 * Double(active - 1) / Double(active) * Double(count) + Double(count)
        XCTAssertEqual(Double(halving.elementsSent.max() ?? 0), most, accuracy: Double(2 * floor))
      }
    }
  }

  /// Half the all-reduce each, where the algorithm consists of two halves.
  func testStepsAndBytesOfTheHalves() throws {
    for size in [1, 2, 3, 4, 7, 8, 16, 33, 64] {
      let count = 64 * size
      for collective in [Collective.reduceScatter, .allGather] {
        let measures = try ScheduleVerifier.verify(
          collective, Self.schedules(collective, .ring, size: size, count: count, segment: count))
        XCTAssertEqual(measures.steps, size - 1)
        XCTAssertEqual(
          measures.elementsSent, Array(repeating: (size - 1) * count / size, count: size))
      }
    }
  }

  /// All-to-all has one schedule: every block arrives where it belongs, in whatever order, at the stated cost.
  func testAllToAll() throws {
    for size in [1, 2, 3, 4, 5, 8, 16, 33] {
      for (count, segment) in [(0, 1), (2 * size, 1), (12 * size, 6), (12 * size + 1, 4)] {
        let schedules = Self.schedules(.allToAll, .ring, size: size, count: count, segment: segment)
        for order in [ScheduleVerifier.Order.newestFirst, .shuffled(seed: 1)] {
          XCTAssertNoThrow(
            try ScheduleVerifier.verify(.allToAll, schedules, order: order),
            "\(size) ranks, \(count) elements")
        }
        guard segment == 6 else { continue }
        let measures = try ScheduleVerifier.verify(.allToAll, schedules)
        let cost = ScheduleCost(.allToAll, by: .ring, size: size)
        XCTAssertEqual(measures.steps, Int(cost.steps?.value ?? -1))
        XCTAssertEqual(
          Double(measures.elementsSent.reduce(0, +)), cost.totalSent.value * Double(count))
        XCTAssertEqual(
          Double(measures.elementsSent.max() ?? 0), cost.mostSent.value * Double(count))
      }
    }
  }

  /// With segments, a chain costs its length and the segments, not their product: they overlap.
  func testSegmentsArePipelined() throws {
    let schedules = Self.schedules(
      .broadcast(root: 0), .ring, size: 8, count: 100, segment: 10)
    XCTAssertEqual(
      try ScheduleVerifier.verify(.broadcast(root: 0), schedules).steps, 7 + 10 - 1)
    let tree = Self.schedules(.allReduce, .tree, size: 8, count: 100, segment: 10)
    XCTAssertLessThan(
      try ScheduleVerifier.verify(.allReduce, tree).steps, 6 * 10, "segments do not overlap")
  }

  /// Scratch memory does not grow with the vector.
  func testScratchIsBounded() {
    for algorithm in Self.algorithms {
      for size in 2...64 {
        let schedule = Schedule(
          .allReduce, by: algorithm, rank: 0, size: size, count: 20_000, segment: 100)
        XCTAssertLessThanOrEqual(
          schedule.scratchCount, 4 * 100 * Self.peers(algorithm, size), "\(algorithm) at \(size)")
      }
    }
  }

  /// The verifier refuses what is wrong: it can fail.
  func testVerifierRefusesWrongSchedules() {
    func schedules(_ tell: (inout ScheduleBuilder) -> Void) -> [Schedule] {
      (0..<2).map { rank in
        var plan = ScheduleBuilder(rank: rank, size: 2, count: 4, segment: 4)
        tell(&plan)
        return plan.build()
      }
    }
    func failure(_ schedules: [Schedule]) -> String? {
      do {
        _ = try ScheduleVerifier.verify(.allReduce, schedules)
        return nil
      } catch {
        return error.description
      }
    }
    XCTAssertNil(
      failure(
        schedules { plan in
          plan.send(plan.all, to: 1 - plan.rank)
          plan.receiveAndReduce(plan.all, from: 1 - plan.rank)
          plan.finish(plan.all)
        }))
    let twice = failure(
      schedules { plan in
        for _ in 0..<2 {
          plan.send(plan.all, to: 1 - plan.rank)
          plan.receiveAndReduce(plan.all, from: 1 - plan.rank)
        }
      })
    XCTAssertEqual(twice?.contains("twice"), true, twice ?? "accepted")
    let never = failure(
      schedules { plan in
        plan.receiveAndReduce(plan.all, from: 1 - plan.rank)
        plan.send(plan.all, to: 1 - plan.rank)
        plan.finish(plan.all)
      })
    XCTAssertEqual(never?.contains("deadlock"), true, never ?? "accepted")
    let missing = failure(schedules { $0.finish($0.all) })
    XCTAssertEqual(missing?.contains("before it is complete"), true, missing ?? "accepted")
    let unfinished = failure(
      schedules { plan in
        plan.send(plan.all, to: 1 - plan.rank)
        plan.receiveAndReduce(plan.all, from: 1 - plan.rank)
      })
    XCTAssertEqual(unfinished?.contains("wrong element"), true, unfinished ?? "accepted")
    let crossed = failure(
      schedules { plan in
        plan.send(0..<2, to: 1 - plan.rank)
        plan.receive(2..<4, from: 1 - plan.rank)
      })
    XCTAssertEqual(crossed?.contains("receives"), true, crossed ?? "accepted")
  }
}
