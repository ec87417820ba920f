import AllReduce
import AllReduceMPI
import XCTest

final class ScheduleSimulatorTests: XCTestCase {
  private let latency = 5e-6
  private let bandwidth = 1.25e9

  private func seconds(
    _ algorithm: ReductionAlgorithm.Kind, ranks: Int, bytes: Int, segmentBytes: Int = 1 << 30,
    _ change: (inout SimulatedCluster) -> Void = { _ in }
  ) -> Double {
    var cluster = SimulatedCluster(ranks: ranks, latency: latency, bandwidth: bandwidth)
    change(&cluster)
    return ScheduleSimulator.run(
      .allReduce, by: algorithm, bytes: bytes, segmentBytes: segmentBytes, on: cluster
    ).seconds
  }

  /// Whole messages on links of their own: the α-β model is exact.
  func testTimesEqualClosedFormulas() {
    for (ranks, logarithm) in [(2, 1.0), (4, 2), (16, 4), (64, 6)] {
      for bytes in [64 * 4, 64 * 4096] {
        let (p, transfer) = (Double(ranks), Double(bytes) / bandwidth)
        let expected: [(ReductionAlgorithm.Kind, Double)] = [
          (.ring, 2 * (p - 1) * (latency + transfer / p)),
          (.tree, 2 * logarithm * (latency + transfer)),
          (.flatTree, 2 * (latency + (p - 1) * transfer)),
          (.recursiveDoubling, logarithm * (latency + transfer)),
          (.halvingDoubling, 2 * logarithm * latency + 2 * (p - 1) / p * transfer),
          (.gatherAndReduce, latency + (p - 1) * transfer),
        ]
        for (algorithm, time) in expected {
          XCTAssertEqual(
            seconds(algorithm, ranks: ranks, bytes: bytes), time, accuracy: 1e-9 * time,
            "\(algorithm) of \(bytes) bytes over \(ranks) ranks")
        }
      }
    }
  }

  func testOneRankNeedsNoTime() {
    XCTAssertEqual(seconds(.ring, ranks: 1, bytes: 1024), 0)
  }

  /// Down a chain of ranks a vector goes in segments, each behind the one before, and not whole from rank to rank.
  func testSegmentsArePipelined() {
    func time(segmentBytes: Int) -> Double {
      ScheduleSimulator.run(
        .broadcast(root: 0), by: .ring, bytes: 16 << 20, segmentBytes: segmentBytes,
        on: SimulatedCluster(ranks: 64, latency: latency, bandwidth: bandwidth)
      ).seconds
    }
    let segment = Double(64 << 10) / bandwidth
    XCTAssertEqual(
      time(segmentBytes: 16 << 20), 63 * (latency + 256 * segment), accuracy: 1e-9)
    XCTAssertEqual(
      time(segmentBytes: 64 << 10), 63 * (latency + segment) + 255 * segment, accuracy: 1e-9)
  }

  /// Ranks of a host share its link. In a ring one of them sends to another host, so that costs nothing; in recursive
  /// doubling all of them do at once.
  func testRanksOfAHostShareItsLink() {
    func ratio(_ algorithm: ReductionAlgorithm.Kind) -> Double {
      let apart = seconds(algorithm, ranks: 16, bytes: 1 << 20)
      return seconds(algorithm, ranks: 16, bytes: 1 << 20) {
        $0.ranksPerHost = 8
        ($0.hostLatency, $0.hostBandwidth) = ($0.latency, 1e15)
      } / apart
    }
    XCTAssertLessThanOrEqual(ratio(.ring), 1)
    XCTAssertGreaterThan(ratio(.recursiveDoubling), 1.5)
  }

  func testBytesBetweenHostsAreThoseOfTheSchedules() {
    var cluster = SimulatedCluster(ranks: 8, latency: latency, bandwidth: bandwidth)
    cluster.ranksPerHost = 4
    let outcome = ScheduleSimulator.run(.allReduce, by: .ring, bytes: 8 * 1024, on: cluster)
    XCTAssertEqual(outcome.hostBytes, [14 * 1024, 14 * 1024])
  }

  /// All wait for the slow one; what it combines takes it three times as long.
  func testAStragglerHoldsUpAll() {
    let rate = 1e9
    let even = seconds(.ring, ranks: 4, bytes: 4 << 20) { $0.reductionRate = rate }
    let uneven = seconds(.ring, ranks: 4, bytes: 4 << 20) {
      $0.reductionRate = rate
      $0.stragglers = [2: 3]
    }
    let block = Double(1 << 20)
    XCTAssertEqual(even, 6 * (latency + block / bandwidth) + 3 * block / rate, accuracy: 1e-9)
    XCTAssertGreaterThan(uneven, even + 1.9 * block / rate)
  }

  func testHierarchicalIsTheHostsSumTheSlicesOverOneLinkAndACopy() {
    var cluster = SimulatedCluster(ranks: 8, latency: latency, bandwidth: bandwidth)
    (cluster.ranksPerHost, cluster.hostLatency, cluster.hostBandwidth) = (4, 0, 1e10)
    let bytes = 16 << 20
    let time = SimulatedAllReduce.seconds(by: .hierarchical, bytes: bytes, on: cluster)
    let memory = (5.0 / 4 + 2) * Double(bytes) / 1e10
    // Two hosts send half a slice twice; the four slices share the link.
    XCTAssertEqual(time - memory, Double(bytes) / bandwidth, accuracy: 0.02 * time)
    let flat = SimulatedAllReduce.seconds(by: .ring, bytes: bytes, on: cluster)
    XCTAssertGreaterThan(flat, 0)
    cluster.ranks = 4
    XCTAssertEqual(
      SimulatedAllReduce.seconds(by: .hierarchical, bytes: bytes, on: cluster),
      5.0 / 4 * Double(bytes) / 1e10, accuracy: 1e-9)
  }

  func testJitterIsDrawnFromTheSeed() {
    func time(_ seed: UInt64) -> Double {
      seconds(.tree, ranks: 32, bytes: 64) { ($0.jitter, $0.seed) = (0.5, seed) }
    }
    XCTAssertEqual(time(1), time(1))
    XCTAssertNotEqual(time(1), time(2))
    XCTAssertGreaterThan(time(1), seconds(.tree, ranks: 32, bytes: 64))
  }

  func testTimesNeverFallWithSize() {
    for algorithm: ReductionAlgorithm.Kind in [.ring, .tree, .doubleTree, .halvingDoubling] {
      var last = 0.0
      for exponent in 6..<24 {
        let time = seconds(algorithm, ranks: 7, bytes: 1 << exponent, segmentBytes: 61440)
        XCTAssertGreaterThanOrEqual(time, last, "\(algorithm) of \(1 << exponent) bytes")
        last = time
      }
    }
  }

  func testSchedulesAsGOAL() {
    let schedule = Schedule(.allReduce, by: .ring, rank: 0, size: 2, count: 4, segment: 4)
    let text = schedule.goalText(stride: 4)
    XCTAssertTrue(text.hasPrefix("rank 0 {\n"))
    XCTAssertTrue(text.contains("send 8b to 1 tag 0\n"))
    XCTAssertTrue(text.contains("recv 8b from 1 tag 0\n"))
    XCTAssertTrue(text.contains(" requires "))
    XCTAssertTrue(text.hasSuffix("}\n"))
  }
}
