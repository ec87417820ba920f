import Foundation
import TestSupport
import XCTest

/// The timeline that train-classifier writes.
final class TraceRunTests: ProgramTestCase {
  private struct Trace: Decodable {
    struct Event: Decodable {
      struct Arguments: Decodable { let name: String? }
      let name: String
      let ph: String
      let pid: Int
      let tid: Int?
      let id: String?
      let ts: Double?
      let dur: Double?
      let args: Arguments?
    }
    struct Other: Decodable {
      let ranks: Int
      let clock_error_us: [Double]
      let spans_left_out: [Int]
    }
    let otherData: Other
    let traceEvents: [Event]
  }

  func testEveryRankAndStepIsThereAndSpansNest() throws {
    let (trace, steps) = try traced(["--bucket-bytes", "8Ki", "--update", "replicated"])
    for rank in 0..<3 {
      let spans = spans(of: rank, in: trace)
      func count(_ name: String) -> Int { spans.count { $0.name == name } }
      for name in ["step", "wait", "update", "bucket 0", "bucket 1", "bucket 2"] {
        XCTAssertEqual(count(name), steps, "\(name) on rank \(rank)")
      }
      for name in ["input", "forward", "backward"] {
        XCTAssertEqual(count(name), 2 * steps, "\(name) on rank \(rank)")
      }
      XCTAssertEqual(count("evaluation"), 2)
      XCTAssertGreaterThanOrEqual(count("1 Dense 64 -> 64"), 4 * steps)
    }
    // One clock: the third step of each rank overlaps those of the others, since they exchange in it.
    let thirds = (0..<3).compactMap { rank in
      trace.traceEvents.filter { $0.pid == rank && $0.name == "step" }.dropFirst(2).first
    }
    XCTAssertLessThan(
      thirds.map { $0.ts! }.max()!, thirds.map { $0.ts! + $0.dur! }.min()!)
  }

  /// Each bucket has an arrow to the next rank, which ends no earlier than it starts; the loss is a counter.
  func testArrowsEndWhereTheyShould() throws {
    let (trace, steps) = try traced(["--bucket-bytes", "8Ki", "--update", "replicated"])
    let starts = trace.traceEvents.filter { $0.ph == "s" }
    let ends = trace.traceEvents.filter { $0.ph == "f" }
    XCTAssertEqual(
      starts.count, trace.traceEvents.count { $0.ph == "X" && $0.name.hasPrefix("bucket") })
    XCTAssertGreaterThanOrEqual(starts.count, 3 * 3 * steps)
    XCTAssertEqual(Set(starts.map(\.id)), Set(ends.map(\.id)))
    XCTAssertEqual(Set(starts.map(\.id)).count, starts.count)
    for start in starts {
      let end = try XCTUnwrap(ends.first { $0.id == start.id })
      XCTAssertEqual(end.pid, (start.pid + 1) % 3)
      XCTAssertGreaterThanOrEqual(try XCTUnwrap(end.ts), try XCTUnwrap(start.ts))
    }
    XCTAssertEqual(
      trace.traceEvents.count { $0.ph == "C" && $0.name == "loss" && $0.pid == 0 }, steps)
  }

  /// Weights that a host shares are updated from gradients where they are: no bucket travels.
  func testSharedWeightsHaveStepsWaitsAndUpdates() throws {
    let (trace, steps) = try traced([])
    for rank in 0..<3 {
      let spans = spans(of: rank, in: trace)
      for name in ["step", "wait", "update"] {
        XCTAssertEqual(spans.count { $0.name == name }, steps, "\(name) on rank \(rank)")
      }
      XCTAssertFalse(spans.contains { $0.name.hasPrefix("bucket") }, "rank \(rank)")
    }
  }

  /// The timeline and number of steps of 3 ranks, after what holds for every one.
  private func traced(_ arguments: [String]) throws -> (Trace, steps: Int) {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let output = try ClassifierOutput.of(
      [
        "--data", "digits", "--layers", "64,64,relu,32,relu,10", "--batch-size", "50", "--epochs",
        "2", "--steps", "6", "--accumulate", "2", "--trace", path,
      ] + arguments, ranks: 3)
    let trace = try JSONDecoder().decode(
      Trace.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    XCTAssertEqual(trace.otherData.ranks, 3)
    XCTAssertEqual(trace.otherData.clock_error_us, [0, 0, 0])
    XCTAssertEqual(trace.otherData.spans_left_out, [0, 0, 0])
    XCTAssertEqual(output.steps, 12)
    for rank in 0..<3 {
      let title = trace.traceEvents.first { $0.pid == rank && $0.name == "process_name" }?.args?
        .name
      XCTAssertTrue(title?.hasPrefix("rank \(rank) on ") == true, title ?? "none")
      assertNest(spans(of: rank, in: trace), rank)
    }
    return (trace, output.steps)
  }

  private func spans(of rank: Int, in trace: Trace) -> [Trace.Event] {
    trace.traceEvents.filter { $0.pid == rank && $0.ph == "X" }
  }

  /// On each thread spans lie within each other or side by side, and all but evaluations within steps.
  private func assertNest(_ spans: [Trace.Event], _ rank: Int) {
    for (thread, events) in Dictionary(grouping: spans, by: { $0.tid ?? 0 }) {
      var open: [(name: String, end: Double)] = []
      for event in events {
        let (start, end) = (event.ts!, event.ts! + event.dur!)
        XCTAssertGreaterThanOrEqual(start, 0)
        while let last = open.last, last.end <= start + 1e-6 { open.removeLast() }
        if let last = open.last {
          XCTAssertLessThanOrEqual(end, last.end + 1e-6, "\(event.name) in \(last.name)")
        } else if thread == 0 {
          XCTAssertTrue(["step", "evaluation"].contains(event.name), "\(event.name) on \(rank)")
        }
        open.append((event.name, end))
      }
    }
  }
}
