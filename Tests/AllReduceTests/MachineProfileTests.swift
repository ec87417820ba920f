import AllReduce
import AllReduceMPI
import XCTest

/// Profiles of machines: curves, files, figures by hand.
final class MachineProfileTests: XCTestCase {
  private func point(_ bytes: Double, _ seconds: Double) -> TimeCurve.Point {
    TimeCurve.Point(bytes: bytes, seconds: seconds)
  }

  func testMeasuredTimesNeverFall() {
    let curve = TimeCurve(measured: [
      point(4, 3), point(8, 1), point(16, 2), point(32, 5), point(64, 4), point(128, 9),
    ])
    XCTAssertEqual(curve.points.map(\.seconds), [2, 2, 2, 4.5, 4.5, 9])
    // The line through the last two points goes on.
    XCTAssertEqual(curve.seconds(bytes: 256), 18, accuracy: 1e-9)
    XCTAssertEqual(curve.seconds(bytes: 96), 6.75, accuracy: 1e-9)
    XCTAssertEqual(curve.seconds(bytes: 0), 2)
  }

  func testExchangesNeverGetFasterWithSize() {
    let profile = MachineProfile.byHand(.init(hosts: 4, ranksPerHost: 4))
    for kind in ExchangeKind.allCases {
      for group in [
        RankGroup(ranks: 4), RankGroup(ranks: 4, hosts: 4, sharing: 4),
        RankGroup(ranks: 16, hosts: 4), RankGroup(ranks: 64, hosts: 64),
      ] {
        var last = 0.0
        for power in 2...30 {
          let seconds = profile.seconds(kind, bytes: Double(1 << power), over: group)
          XCTAssertGreaterThanOrEqual(seconds, last, "\(kind) of 2^\(power) bytes, \(group)")
          last = seconds
        }
      }
    }
  }

  func testFiguresByHandGiveTheFormulas() throws {
    let profile = MachineProfile.byHand(
      .init(hosts: 4, linkBytesPerSecond: 1e9, linkLatency: 10e-6, memoryBytesPerSecond: 1e15))
    let all = RankGroup(ranks: 4, hosts: 4)
    // A ring of four: three steps of a quarter each.
    XCTAssertEqual(
      profile.seconds(.allGather, bytes: 4096, over: all), 3 * (10e-6 + 1024e-9), accuracy: 1e-9)
    XCTAssertEqual(
      profile.seconds(.allReduce, bytes: 1e9, over: all), 1.5, accuracy: 0.02)
    XCTAssertEqual(profile.seconds(.allToAll, bytes: 1e9, over: all), 0.75, accuracy: 0.02)
    // Groups that share a link carry their bytes one after the other.
    XCTAssertEqual(
      profile.seconds(.allReduce, bytes: 1e9, over: RankGroup(ranks: 4, hosts: 4, sharing: 3)),
      4.5, accuracy: 0.05)
  }

  /// Each host must send the volume over its own link, whatever the size.
  func testNoExchangeIsFasterThanItsLink() {
    for hosts in [2, 3, 8, 64] {
      let profile = MachineProfile.byHand(
        .init(hosts: hosts, linkBytesPerSecond: 1.25e9, linkLatency: 20e-6))
      let all = RankGroup(ranks: hosts, hosts: hosts)
      for kind in ExchangeKind.allCases {
        for bytes in [1e5, 1e6, 1e7, 1e8, 1e9, 1e10] {
          XCTAssertGreaterThanOrEqual(
            profile.seconds(kind, bytes: bytes, over: all),
            0.999 * kind.volume(ranks: hosts) * bytes / 1.25e9, "\(kind), \(hosts) hosts, \(bytes)")
        }
      }
    }
  }

  func testLinksOfAnotherRate() {
    let profile = MachineProfile.byHand(.init(hosts: 2))
    let all = RankGroup(ranks: 2, hosts: 2)
    let slow = profile.seconds(.allReduce, bytes: 64e6, over: all)
    let fast = profile.scalingNetwork(by: 4).seconds(.allReduce, bytes: 64e6, over: all)
    XCTAssertEqual(slow / fast, 4, accuracy: 0.05)
  }

  func testFewerHostsAreAsTheyWereMeasuredWhileOthersRested() throws {
    var profile = MachineProfile.byHand(.init(hosts: 2))
    func time(_ rows: Int, _ hosts: Int?, _ seconds: Double) -> ComputeRates.LayerTime {
      .init(
        layer: "ReLU", input: [512], rows: rows, hosts: hosts, forward: seconds, backward: seconds,
        backwardWithoutInput: 0)
    }
    profile.compute.layers = [time(64, nil, 2), time(128, nil, 4), time(128, 1, 3)]
    func forward(_ profile: MachineProfile, _ rows: Int) -> Double {
      profile.compute.seconds(of: ReLU<Float>(), input: [512], rows: rows).forward
    }
    XCTAssertEqual(forward(profile, 128), 4)
    XCTAssertEqual(forward(profile.usingHosts(2), 128), 4)
    XCTAssertEqual(forward(profile.usingHosts(1), 128), 3)
    XCTAssertEqual(forward(profile.usingHosts(1), 64), 2)
  }

  func testAFileGivesTheSameProfile() throws {
    var profile = MachineProfile.byHand(.init(hosts: 3, ranksPerHost: 2))
    profile.overlap = .init(computeSlowDown: 1.1, linkSlowDown: 1.25)
    profile.compute.products = [
      .init(
        rows: 64, inputs: 784, outputs: 512, forward: 1e-3, weightGradient: 2e-3,
        inputGradient: 3e-3)
    ]
    profile.compute.layers = [
      .init(
        layer: "ReLU", input: [512], rows: 64, forward: 1e-5, backward: 2e-5,
        backwardWithoutInput: 0),
      .init(
        layer: "ReLU", input: [512], rows: 64, hosts: 1, forward: 1e-5, backward: 2e-5,
        backwardWithoutInput: 0),
    ]
    XCTAssertEqual(try MachineProfile(json: profile.json, file: "p.json"), profile)
  }

  func testFiguresThatCannotBeAreNamed() throws {
    let json = MachineProfile.byHand(.init(hosts: 2)).json
    func refusal(_ old: String, _ new: String) -> String {
      XCTAssertTrue(json.contains(old), old)
      do {
        _ = try MachineProfile(json: json.replacing(old, with: new), file: "p.json")
        return "no refusal"
      } catch {
        return "\(error)"
      }
    }
    for (old, new, sentence) in [
      ("\"cores\": 1", "\"cores\": 0", "has 0 for cores"),
      ("\"latency\": 5e-05", "\"latency\": -1", "has -1 for latency"),
      ("\"memory_bytes_per_second\": 10000000000.0, ", "", "without memory_bytes_per_second"),
      ("\"link_slow_down\": 1.0", "\"link_slow_down\": 0.5", "has 0.5 for link_slow_down"),
      ("\"all_reduce\": [[64.0, ", "\"all_reduce\": [[64.0, 9], [65.0, ", "falls from 9.0 s"),
      ("\"ranks_per_host\": [1, 1]", "\"ranks_per_host\": []", "has no host"),
      ("\"ranks_per_host\": [1, 1]", "\"ranks_per_host\": [1, 1099511627776]", "1048576 ranks"),
      ("\"version\": 1", "\"version\": 2", "has version 2"),
    ] {
      let text = refusal(old, new)
      XCTAssertTrue(text.hasPrefix("p.json: line "), text)
      XCTAssertTrue(text.contains(sentence), text)
    }
  }
}
