import Foundation
import TestSupport
import XCTest

/// simulate-allreduce from end to end: its forms and its refusals.
final class SimulateAllReduceTests: XCTestCase {
  private func simulate(_ words: String) throws -> ProgramRunner.Outcome {
    try ProgramRunner().run("simulate-allreduce", words.split(separator: " ").map(String.init))
  }

  private let network = " --latency 10us --bandwidth 1GB/s"

  func testTimesOfARing() throws {
    let outcome = try simulate("--algorithms ring --ranks 4 --bytes 4Ki --format csv" + network)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let lines = outcome.output.split(separator: "\n")
    XCTAssertEqual(lines.first, "algorithm,ranks,hosts,bytes,seconds")
    let fields = lines[1].split(separator: ",")
    XCTAssertEqual(fields.dropLast(), ["ring", "4", "4", "4096"])
    XCTAssertEqual(try XCTUnwrap(Double(fields[4])), 6 * (10e-6 + 1024e-9), accuracy: 1e-12)
  }

  func testTableAndJSONTellTheSame() throws {
    let words = "--algorithms ring,tree --ranks 2...8 --bytes 64,1Mi --ranks-per-host 2" + network
    let table = try simulate(words)
    XCTAssertEqual(table.exitCode, 0, table.errors)
    XCTAssertEqual(table.output.split(separator: "\n").count, 7)
    let json = try simulate(words + " --format json")
    let object = try XCTUnwrap(
      JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    let times = try XCTUnwrap(object["times"] as? [[String: Any]])
    XCTAssertEqual(times.count, 12)
    XCTAssertEqual(times.last?["hosts"] as? Int, 4)
  }

  func testAChartAndSchedulesForOthers() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (chart, goal) = (folder.appending(path: "times.svg"), folder.appending(path: "ring.goal"))
    let outcome = try simulate(
      "--ranks 3,5 --bytes 64 --plot \(chart.path) --goal \(goal.path)" + network)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertTrue(try String(contentsOf: chart, encoding: .utf8).contains("recursiveDoubling"))
    let text = try String(contentsOf: goal, encoding: .utf8)
    XCTAssertTrue(text.hasPrefix("num_ranks 3\n"))
    XCTAssertTrue(text.contains("rank 2 {"))
  }

  func testWhatCannotBeSimulatedIsRefused() throws {
    for (words, sentence) in [
      ("--algorithms native" + network, "native is not an algorithm that sends messages"),
      ("--ranks 0" + network, "The number of ranks must be 1 to"),
      ("--ranks 8...4" + network, "is not a range"),
      ("--bytes 6" + network, "must be a multiple of 4"),
      ("--ranks 8192 --algorithms ring" + network, "steps, more than the"),
      ("--ranks 4 --straggler 4:2" + network, "There is no rank 4 among 4 ranks"),
      ("--latency 5 --bandwidth 1GB/s", "latency"),
      ("--latency 5us --bandwidth 0GB/s", "bandwidth"),
    ] {
      let outcome = try simulate(words)
      XCTAssertEqual(outcome.exitCode, 64, words)
      XCTAssertTrue(outcome.errors.contains(sentence), "\(words): \(outcome.errors)")
    }
  }
}
