import AllReduce
import AllReduceNN
import Foundation
import XCTest

final class TraceEventsTests: XCTestCase {
  /// An event of Chrome's trace format.
  private struct Event: Decodable {
    struct Arguments: Decodable {
      let name: String?
      let number: Int?
    }
    let name: String
    let ph: String
    let pid: Int
    let tid: Int
    let ts: Double?
    let dur: Double?
    let args: Arguments?
  }

  private func events(_ recorder: SpanRecorder, since origin: Int64) throws -> [Event] {
    let text = TraceEvents(recorder, rank: 3, ahead: 1000).text(since: origin, process: "on \"h\"")
    return try JSONDecoder().decode([Event].self, from: Data("[\(text)]".utf8))
  }

  func testSpansBecomeEvents() throws {
    let recorder = SpanRecorder(capacity: 8)
    let step = recorder.name("step")
    XCTAssertEqual(recorder.name("step"), step)
    recorder.add(recorder.name("a \"layer\"\\"), from: 3500, to: 5001)
    recorder.add(step, from: 3000, to: 9000, detail: 7)
    let all = try events(recorder, since: 1000)
    XCTAssertTrue(all.allSatisfy { $0.pid == 3 })
    XCTAssertEqual(all.first { $0.name == "process_name" }?.args?.name, "rank 3 on \"h\"")
    let spans = all.filter { $0.ph == "X" }
    // The one that holds the other comes first; the clock is 1 µs ahead of rank 0's.
    XCTAssertEqual(spans.map(\.name), ["step", "a \"layer\"\\"])
    XCTAssertEqual(spans.map(\.ts), [1, 1.5])
    XCTAssertEqual(spans.map(\.dur), [6, 1.501])
    XCTAssertEqual(spans.map(\.args?.number), [7, nil])
  }

  func testExchangesThatOverlapGetThreadsOfTheirOwn() throws {
    let recorder = SpanRecorder(capacity: 8)
    for (start, end) in [(0, 10), (5, 20), (10, 12), (11, 30)] as [(Int64, Int64)] {
      recorder.add(recorder.name("bucket"), from: start, to: end, track: .exchange)
    }
    let all = try events(recorder, since: -1000)
    XCTAssertEqual(all.filter { $0.ph == "X" }.map(\.tid), [1, 2, 1, 3])
    XCTAssertEqual(
      all.filter { $0.name == "thread_name" }.map { $0.args?.name },
      ["computation", "exchange 1", "exchange 2", "exchange 3"])
  }

  func testAFullRecorderCountsWhatItLeavesOut() {
    let recorder = SpanRecorder(capacity: 2)
    for start in 0..<5 { recorder.add(recorder.name("x"), from: Int64(start), to: 9) }
    XCTAssertEqual(recorder.count, 2)
    XCTAssertEqual(recorder.dropped, 3)
    var starts: [Int64] = []
    recorder.forEach { starts.append($1.start) }
    XCTAssertEqual(starts, [0, 1])
  }

  func testLayersAreRecordedWithinEachOtherByTheirPaths() throws {
    let network = try Network<Float>(
      Sequential(Dense(4, 4), Residual(Sequential(Dense(4, 4), ReLU())), Dense(4, 2)), input: [4])
    let recorder = SpanRecorder()
    recorder.nameLayers(below: network.root)
    let input = Tensor<Float>(repeating: 1, shape: [3, 4])
    _ = try network.forward(input)
    XCTAssertEqual(recorder.count, 0)
    network.pass.recorder = recorder
    _ = try network.forward(input)
    try network.backward(Tensor<Float>(repeating: 1, shape: [3, 2]))
    var names: [String] = []
    recorder.forEach { name, _ in names.append(name) }
    let forward = [
      "0 Dense 4 -> 4", "1.body.0 Dense 4 -> 4", "1.body.1 ReLU", "1 Residual", "2 Dense 4 -> 2",
    ]
    XCTAssertEqual(Array(names.prefix(5)), forward)
    XCTAssertEqual(
      Array(names.dropFirst(5)), [forward[4], forward[2], forward[1], forward[3], forward[0]])
  }
}
