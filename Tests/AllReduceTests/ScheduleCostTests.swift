import AllReduce
import XCTest

/// Holds the formulas of docs/algorithms.md against the schedules.
final class ScheduleCostTests: XCTestCase {
  /// Every formula, for 1...64 ranks, without segments.
  func testFormulas() throws {
    for size in 1...64 {
      for algorithm in ScheduleTests.algorithms {
        for collective in ScheduleTests.collectives(size) {
          // Blocks must divide the vector evenly: as many as there are active ranks, or two halves.
          let count =
            switch (collective, algorithm) {
            case (.allReduce, .halvingDoubling):
              size << (Int.bitWidth - 1 - size.leadingZeroBitCount)
            case (.allReduce, .doubleTree): 2 * size
            default: size
            }
          let measures = try ScheduleVerifier.verify(
            collective,
            ScheduleTests.schedules(
              collective, algorithm, size: size, count: count, segment: count))
          let cost = ScheduleCost(collective, by: algorithm, size: size)
          let title = "\(collective) by \(algorithm), \(size) ranks"
          let vector = Double(count)
          try check(XCTUnwrap(cost.steps), Double(measures.steps), "steps of \(title)")
          check(
            cost.mostSent, Double(measures.elementsSent.max() ?? 0) / vector,
            "most sent in \(title)")
          check(
            cost.totalSent, Double(measures.elementsSent.reduce(0, +)) / vector,
            "sent in all in \(title)")
        }
      }
    }
  }

  /// The steps with k segments, where there is a formula.
  func testFormulasOfSegments() throws {
    for size in [2, 3, 4, 5, 7, 8, 13, 16, 33, 64] {
      for algorithm in ScheduleTests.algorithms {
        for collective in ScheduleTests.collectives(size) {
          for segments in [2, 3, 8, 32] {
            let cost = ScheduleCost(collective, by: algorithm, size: size, segments: segments)
            guard let steps = cost.steps else { continue }
            let whole = try ScheduleVerifier.verify(
              collective,
              ScheduleTests.schedules(collective, algorithm, size: size, count: size, segment: size)
            )
            let pieces = size / (whole.transfers.map(\.range.count).max() ?? size)
            let measures = try ScheduleVerifier.verify(
              collective,
              ScheduleTests.schedules(
                collective, algorithm, size: size, count: pieces * segments, segment: 1))
            check(
              steps, Double(measures.steps),
              "steps of \(collective) by \(algorithm), \(size) ranks, \(segments) segments")
          }
        }
      }
    }
  }

  private func check(_ formula: ScheduleCost.Formula, _ found: Double, _ what: String) {
    if formula.isBound {
      XCTAssertLessThanOrEqual(found, formula.value + 1e-9, "\(what): \(formula)")
    } else {
      XCTAssertEqual(found, formula.value, accuracy: 1e-9, "\(what): \(formula)")
    }
  }
}
