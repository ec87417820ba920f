import AllReduce
import XCTest

/// When fragments are exchanged, and how often replicas can meet.
final class MeetingScheduleTests: XCTestCase {
  func testEachFragmentHasItsTurnOnceARound() {
    for (turn, fragments, overlap) in [(1, 1, 0), (4, 1, 0), (4, 1, 4), (3, 4, 2), (2, 3, 2)] {
      let schedule = MeetingSchedule(turn: turn, fragments: fragments, overlap: overlap)
      let starts = (1...6 * schedule.steps).compactMap { step in
        schedule.fragment(startingAfter: step).map { (step: step, fragment: $0) }
      }
      for (start, next) in zip(starts, starts.dropFirst()) {
        XCTAssertEqual(next.step - start.step, turn)
        XCTAssertEqual(next.fragment, (start.fragment + 1) % fragments)
      }
      for start in starts {
        // Due after the same number of steps in each round: fragment 0 after the first turn.
        XCTAssertEqual(
          (start.step + overlap) % schedule.steps, (start.fragment + 1) % fragments * turn)
      }
    }
  }

  /// What a turn's steps are of the time that it takes.
  private func share(_ schedule: MeetingSchedule, _ step: Double, _ exchange: Double) -> Double {
    let computing = Double(schedule.turn) * step
    let waiting = max(
      0, exchange / Double(schedule.fragments) - Double(schedule.overlap) * step)
    return computing / (computing + waiting)
  }

  func testTheShortestRoundsThatLeaveTheShareAreTaken() {
    for (step, exchange) in [(0.12, 0.64), (0.005, 0.021), (0.05, 3.03), (1, 0.001)] {
      for (fragments, overlap) in [(1, 0), (1, 4), (4, 0), (4, 6)] {
        let schedule = MeetingSchedule(
          stepSeconds: step, exchangeSeconds: exchange, fragments: fragments, overlap: overlap)
        XCTAssertEqual(schedule.steps % fragments, 0)
        XCTAssertGreaterThanOrEqual(schedule.turn, max(overlap, 1))
        XCTAssertGreaterThanOrEqual(share(schedule, step, exchange), 0.95 - 1e-9)
        if schedule.turn > max(overlap, 1) {
          let shorter = MeetingSchedule(
            turn: schedule.turn - 1, fragments: fragments, overlap: overlap)
          XCTAssertLessThan(share(shorter, step, exchange), 0.95)
        }
      }
    }
  }
}
