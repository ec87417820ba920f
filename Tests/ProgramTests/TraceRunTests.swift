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
      let tid: Int
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
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let output = try ClassifierOutput.of(
      [
        "--data", "digits", "--layers", "64,64,relu,32,relu,10", "--batch-size", "50", "--epochs",
        "2", "--steps", "6", "--accumulate", "2", "--bucket-bytes", "8Ki", "--trace", path,
      ], ranks: 3)
    let trace = try JSONDecoder().decode(
      Trace.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    XCTAssertEqual(trace.otherData.ranks, 3)
    XCTAssertEqual(trace.otherData.clock_error_us, [0, 0, 0])
    XCTAssertEqual(trace.otherData.spans_left_out, [0, 0, 0])
    let steps = output.steps
    XCTAssertEqual(steps, 12)
    for rank in 0..<3 {
      let own = trace.traceEvents.filter { $0.pid == rank }
      let title = own.first { $0.name == "process_name" }?.args?.name
      XCTAssertTrue(title?.hasPrefix("rank \(rank) on ") == true, title ?? "none")
      let spans = own.filter { $0.ph == "X" }
      func count(_ name: String) -> Int { spans.count { $0.name == name } }
      for name in ["step", "wait", "update", "bucket 0", "bucket 1", "bucket 2"] {
        XCTAssertEqual(count(name), steps, "\(name) on rank \(rank)")
      }
      for name in ["input", "forward", "backward"] {
        XCTAssertEqual(count(name), 2 * steps, "\(name) on rank \(rank)")
      }
      XCTAssertEqual(count("evaluation"), 2)
      XCTAssertGreaterThanOrEqual(count("1 Dense 64 -> 64"), 4 * steps)
      assertNest(spans, rank)
    }
    // One clock: the third step of each rank overlaps those of the others, since they exchange in it.
    let thirds = (0..<3).compactMap { rank in
      trace.traceEvents.filter { $0.pid == rank && $0.name == "step" }.dropFirst(2).first
    }
    XCTAssertLessThan(
      thirds.map { $0.ts! }.max()!, thirds.map { $0.ts! + $0.dur! }.min()!)
  }

  /// On each thread spans lie within each other or side by side, and all but evaluations within steps.
  private func assertNest(_ spans: [Trace.Event], _ rank: Int) {
    for (thread, events) in Dictionary(grouping: spans, by: \.tid) {
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
