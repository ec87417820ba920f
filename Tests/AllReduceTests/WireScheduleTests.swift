import AllReduce
import XCTest

/// Proves the schedules of 16-bit wire formats.
final class WireScheduleTests: XCTestCase {
  private static func schedules(
    _ collective: Collective, _ algorithm: ReductionAlgorithm.Kind, size: Int, count: Int,
    segment: Int, _ wireFormat: WireFormat = .bfloat16
  ) -> [Schedule] {
    ScheduleTests.schedules(
      collective, algorithm, size: size, count: count, segment: segment, wireFormat)
  }

  /// Every contribution arrives once, all ranks end with the same roundings of the same expression,
  /// and as many elements travel as in full: 1...64 ranks.
  func testEveryScheduleIsRight() throws {
    struct UnequalTraffic: Error {}
    ScheduleTests.prove(1...64) { size, check in
      for algorithm in ScheduleTests.algorithms {
        for collective in ScheduleTests.collectives(size) {
          for (count, segment) in [(1, 1), (2 * size + 3, 2)] {
            let narrow = Self.schedules(
              collective, algorithm, size: size, count: count, segment: segment)
            let full = Self.schedules(
              collective, algorithm, size: size, count: count, segment: segment, .full)
            check("\(collective) by \(algorithm), \(size) ranks, \(count) elements") {
              if narrow.map(\.elementsSent) != full.map(\.elementsSent) { throw UnequalTraffic() }
              _ = try ScheduleVerifier.verify(collective, narrow)
            }
          }
        }
      }
    }
  }

  func testOrderOfCompletionDoesNotMatter() throws {
    let orders: [ScheduleVerifier.Order] = [
      .newestFirst, .shuffled(seed: 1), .shuffled(seed: 2), .shuffled(seed: 3),
    ]
    ScheduleTests.prove(1...17) { size, check in
      for algorithm in ScheduleTests.algorithms {
        for collective in ScheduleTests.collectives(size) {
          for (count, segment) in [(40, 1), (67, 16)] {
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

  /// The formulas of docs/algorithms.md, from which the error bounds follow.
  func testRoundings() throws {
    for size in 1...64 {
      for algorithm in ScheduleTests.algorithms {
        for collective in ScheduleTests.collectives(size) {
          let measures = try ScheduleVerifier.verify(
            collective,
            Self.schedules(collective, algorithm, size: size, count: 2 * size, segment: 1000))
          let formula = ScheduleCost.roundings(collective, by: algorithm, size: size)
          let title = "\(collective) by \(algorithm), \(size) ranks: \(formula)"
          XCTAssertLessThanOrEqual(Double(measures.roundings), formula.value, title)
          if !formula.isBound {
            XCTAssertEqual(Double(measures.roundings), formula.value, title)
          }
        }
      }
    }
  }

  /// Scratch memory does not grow with the vector: as many bytes again to send from as to receive in.
  func testScratchIsBounded() {
    for algorithm in ScheduleTests.algorithms {
      for size in 2...64 {
        let schedule = Schedule(
          .allReduce, by: algorithm, rank: 0, size: size, count: 20_000, segment: 100,
          wireFormat: .float16)
        XCTAssertLessThanOrEqual(
          schedule.scratchCount, 2 * 4 * 100 * ScheduleTests.peers(algorithm, size),
          "\(algorithm) at \(size)")
      }
    }
  }

  /// The verifier refuses ranks that keep different bits than they sent.
  func testVerifierRefusesUnequalBits() {
    let schedules = (0..<2).map { rank in
      var plan = ScheduleBuilder(rank: rank, size: 2, count: 4, segment: 4, wireFormat: .bfloat16)
      if rank == 1 {
        plan.send(plan.all, to: 0)
        plan.receive(plan.all, from: 0)
      } else {
        plan.receiveAndReduce(plan.all, from: 1)
        plan.finish(plan.all)
        plan.send(plan.all, to: 1)
      }
      return plan.build()
    }
    XCTAssertThrowsError(try ScheduleVerifier.verify(.allReduce, schedules)) {
      XCTAssertTrue("\($0)".contains("wrong element"), "\($0)")
    }
  }
}
