import AllReduce
import XCTest

/// What `automatic` takes.
final class AutomaticChoiceTests: XCTestCase {
  private let sizes = (0...28).map { 4 << $0 }

  /// Shared memory wherever ranks share a host and the call allows it; else something that has a
  /// schedule.
  func testChoicesCanRun() {
    for ranks in 2...64 {
      for hosts in [1, 2, ranks] {
        for bytes in sizes {
          let messages = AutomaticChoice.algorithm(
            ranks: ranks, hosts: hosts, bytes: bytes, over: .messages)
          let title = "\(bytes) bytes, \(ranks) ranks, \(hosts) hosts"
          let expected: ReductionAlgorithm =
            hosts == 1 ? .sharedMemory : hosts < ranks ? .hierarchical : messages
          for path in [AutomaticChoice.Path.arena, .array] {
            let any = AutomaticChoice.algorithm(
              ranks: ranks, hosts: hosts, bytes: bytes, over: path)
            XCTAssertEqual(any, expected, title)
          }
          XCTAssertTrue(ScheduleTests.algorithms.contains(messages.kind), title)
        }
      }
    }
  }

  func testStepsAscendAndTheLastHasNoLimit() {
    for ranks in 2...64 {
      for hosts in [1, 2, ranks] {
        for path in AutomaticChoice.Path.allCases {
          let steps = AutomaticChoice.steps(ranks: ranks, hosts: hosts, over: path)
          let limits = steps.dropLast().map { $0.upToBytes ?? 0 }
          XCTAssertEqual(limits, Set(limits).sorted(), "\(ranks) ranks, \(hosts) hosts, \(path)")
          XCTAssertNil(steps.last?.upToBytes ?? nil)
        }
      }
    }
  }

  /// The smallest vectors take the fewest steps, the largest the fewest bytes, at any number of ranks.
  func testSmallAndLarge() {
    for ranks in 2...64 {
      func choice(_ bytes: Int) -> ReductionAlgorithm {
        AutomaticChoice.algorithm(ranks: ranks, hosts: ranks, bytes: bytes, over: .messages)
      }
      XCTAssertEqual(choice(4), .recursiveDoubling, "\(ranks) ranks")
      XCTAssertEqual(choice(64 << 20), .ring, "\(ranks) ranks")
    }
  }

  /// Between hosts every message fits, with a header, into the 64 KiB that TCP sends at once.
  func testMessagesBetweenHostsNeedNoHandshake() {
    for algorithm in ScheduleTests.algorithms {
      for hosts in 2...5 {
        XCTAssertLessThan(
          AutomaticChoice.segmentBytes(of: algorithm, hosts: hosts) + 256, 64 << 10, "\(algorithm)")
      }
    }
  }
}
