import Foundation
import TestSupport
import XCTest

/// allreduce-bench from the outside: what it prints, and how it ends.
final class AllReduceBenchTests: ProgramTestCase {
  private let header =
    "algorithm,buffers,wire_format,type,operation,ranks,hosts,bytes,median_us,p10_us,p99_us,"
    + "algbw_GBps,busbw_GBps,correct"
  private let algorithms = [
    "ring", "tree", "flatTree", "doubleTree", "recursiveDoubling", "halvingDoubling",
    "gatherAndReduce", "sharedMemory", "native",
  ]
  private let yardsticks = ["limit", "memcpy"]
  /// What one host measures by default, in order.
  private let entries = [
    "ring array", "tree array", "flatTree array", "doubleTree array", "recursiveDoubling array",
    "halvingDoubling array", "gatherAndReduce array",
    "sharedMemory arena", "sharedMemory array", "native array", "limit arena", "memcpy array",
  ]
  private let short = ["--warmup", "1", "--iterations", "3"]

  private func run(_ arguments: [String], ranks: Int?) throws -> ProgramRunner.Outcome {
    try ProgramRunner().run("allreduce-bench", short + arguments, ranks: ranks)
  }

  private func lines(_ text: String) -> [String] {
    text.replacingOccurrences(of: "\r", with: "").split(separator: "\n").map(String.init)
  }

  /// The fields of a csv row by the names in the header.
  private func rows(_ output: String) -> [[String: String]] {
    let names = header.split(separator: ",").map(String.init)
    return lines(output).dropFirst().map { line in
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      XCTAssertEqual(fields.count, names.count, line)
      return Dictionary(uniqueKeysWithValues: zip(names, fields))
    }
  }

  func testCSVHasARowForEverySizeAndAlgorithm() throws {
    for ranks in [1, 2, 3, 4] {
      let outcome = try run(
        ["--bytes", "4...4Ki", "--factor", "32", "--format", "csv"], ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      XCTAssertEqual(lines(outcome.output).first, header)
      let rows = rows(outcome.output)
      // What automatic chooses is measured by its name, and not twice.
      XCTAssertEqual(
        rows.map { "\($0["bytes"]!) \($0["algorithm"]!) \($0["buffers"]!)" },
        [4, 128, 4096].flatMap { size in entries.map { "\(size) \($0)" } })
      for row in rows {
        let isYardstick = yardsticks.contains(row["algorithm"]!)
        XCTAssertEqual(row["correct"], isYardstick ? "" : "1")
        XCTAssertEqual(row["wire_format"], "full")
        XCTAssertEqual(row["type"], "float")
        XCTAssertEqual(row["operation"], "sum")
        XCTAssertEqual(row["ranks"], "\(ranks)")
        XCTAssertEqual(row["hosts"], "1")
        let times = try ["p10_us", "median_us", "p99_us"].map { try number(row[$0]) }
        XCTAssertEqual(times, times.sorted())
        let bandwidth = try number(row["algbw_GBps"])
        let bus = try number(row["busbw_GBps"])
        XCTAssertEqual(bus, bandwidth * 2 * Double(ranks - 1) / Double(ranks), accuracy: 1e-5)
        if times[1] > 1 {
          let expected = try number(row["bytes"]) / times[1] / 1e3
          XCTAssertEqual(bandwidth, expected, accuracy: 1e-3 * expected + 1e-6)
        }
      }
    }
  }

  private func number(_ text: String?) throws -> Double {
    try XCTUnwrap(text.flatMap { Double($0) })
  }

  func testEveryTypeAndOperationIsChecked() throws {
    for (type, operation) in [
      ("float", "product"), ("float", "mean"), ("double", "sum"), ("double", "minimum"),
      ("int32", "maximum"), ("int64", "product"),
    ] {
      for placement in ["--in-place", "--no-in-place"] {
        let outcome = try run(
          [
            "--type", type, "--operation", operation, "--bytes", "8,40008", "--format", "csv",
            "--segment", "4Ki", "--seed", "7", placement,
          ], ranks: 3)
        XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
        XCTAssertEqual(
          rows(outcome.output).filter { $0["correct"] == "1" }.count,
          2 * (entries.count - yardsticks.count))
        XCTAssertEqual(Set(rows(outcome.output).map { $0["type"] }), [type])
        XCTAssertEqual(Set(rows(outcome.output).map { $0["operation"] }), [operation])
      }
    }
  }

  func testWireFormatsAreNamedWhereElementsTravel() throws {
    let options = ["--wire-format", "float16", "--bytes", "4Ki", "--format", "csv"]
    for (operation, ring) in [("sum", "1"), ("mean", "")] {
      let outcome = try run(options + ["--operation", operation], ranks: 3)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      let rows = rows(outcome.output)
      XCTAssertFalse(rows.contains { $0["algorithm"] == "native" })
      for row in rows {
        let travels = !(yardsticks + ["sharedMemory"]).contains(row["algorithm"]!)
        XCTAssertEqual(row["wire_format"], travels ? "float16" : "full")
        if travels { XCTAssertEqual(row["correct"], ring, "\(operation), \(row)") }
      }
    }
    let wrong = try run(["--wire-format", "bfloat16", "--type", "double"], ranks: 2)
    XCTAssertEqual(wrong.exitCode, 64)
    XCTAssertTrue(wrong.errors.contains("--type float"), wrong.errors)
    let named = try run(
      ["--wire-format", "bfloat16", "--algorithms", "ring,native", "--bytes", "64"], ranks: 2)
    XCTAssertEqual(named.exitCode, 0, named.errors)
    XCTAssertTrue(named.errors.contains("cannot send elements as bfloat16"), named.errors)
  }

  func testWrongResultsAreFoundAndSaid() throws {
    let falsify = ["--falsify", "1", "--bytes", "64", "--algorithms", "tree"]
    let outcome = try run(falsify + ["--format", "csv"], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 1)
    XCTAssertEqual(rows(outcome.output).map { $0["correct"] }, ["0"])
    let errors = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(errors.count, 1, outcome.errors)
    XCTAssertTrue(errors.first?.contains("tree gave a wrong result") == true, "\(errors)")
    XCTAssertTrue(errors.first?.contains("element 8 of 16 on rank 1") == true, "\(errors)")

    let unchecked = try run(falsify + ["--format", "csv", "--no-verify"], ranks: 2)
    XCTAssertEqual(unchecked.exitCode, 0)
    XCTAssertEqual(rows(unchecked.output).map { $0["correct"] }, [""])
  }

  func testJSONSaysWhatWasAskedAndWhatRan() throws {
    let outcome = try run(
      ["--algorithms", "automatic,ring,memcpy", "--bytes", "64,8Mi", "--format", "json"], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let json = try XCTUnwrap(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    XCTAssertEqual(json["ranks"] as? Int, 2)
    XCTAssertEqual(json["hosts"] as? Int, 1)
    XCTAssertEqual(json["in_place"] as? Bool, true)
    let rows = try XCTUnwrap(json["rows"] as? [[String: Any]])
    XCTAssertEqual(
      rows.filter { $0["bytes"] as? Int == 64 }.compactMap { $0["algorithm_requested"] as? String },
      ["automatic", "automatic", "ring", "memcpy"])
    XCTAssertEqual(rows.count, 8)
    XCTAssertFalse(rows.contains { $0["algorithm"] as? String == "automatic" })
    for row in rows {
      let isYardstick = row["algorithm"] as? String == "memcpy"
      XCTAssertEqual(row["correct"] as? Bool, isYardstick ? nil : true)
      XCTAssertGreaterThan(try XCTUnwrap(row["calls"] as? Int), 0)
    }
  }

  func testTableNamesTheWinnerOfEachSize() throws {
    let outcome = try run(["--bytes", "64,64Ki"], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let lines = lines(outcome.output)
    XCTAssertTrue(lines.first?.contains("2 ranks on 1 host with") == true, outcome.output)
    XCTAssertTrue(lines.first?.contains("Open MPI v") == true, outcome.output)
    let summary = lines.drop { !$0.hasPrefix("Medians in µs") }
    XCTAssertEqual(summary.count, 4, outcome.output)
    XCTAssertTrue(summary.dropFirst().first?.hasSuffix("fastest") == true)
    for line in summary.dropFirst(2) {
      let names = algorithms + ["sharedMemory, arena"]
      XCTAssertTrue(names.contains { line.hasSuffix("  \($0)") }, line)
      XCTAssertTrue(line.contains("*"), line)
    }
    let alone = try run(["--bytes", "64", "--algorithms", "automatic"], ranks: 2)
    XCTAssertTrue(alone.output.contains("automatic ("), alone.output)
  }

  func testPlotIsDrawn() throws {
    let file = try TemporaryFile("")
    let outcome = try run(["--bytes", "4...4Ki", "--plot", file.path], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let svg = try String(contentsOfFile: file.path, encoding: .utf8)
    XCTAssertTrue(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    for name in algorithms + yardsticks + [
      "sharedMemory, arena", " KiB", "1 µs", "2 ranks on 1 host",
    ] {
      XCTAssertTrue(svg.contains(name), name)
    }
    let nowhere = try run(["--bytes", "4", "--plot", "/nowhere/x.svg"], ranks: 2)
    XCTAssertEqual(nowhere.exitCode, 70)
    XCTAssertEqual(nowhere.errorLines(beginningWith: "error: ").count, 1, nowhere.errors)
  }

  func testWithoutMpirunItSaysSo() throws {
    let outcome = try run(["--bytes", "64", "--format", "csv"], ranks: nil)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertEqual(outcome.errorLines(beginningWith: "allreduce-bench runs on 1 rank").count, 1)
    XCTAssertEqual(rows(outcome.output).count, entries.count)
  }

  func testBuffersAreThoseAskedFor() throws {
    for (choice, expected) in [
      ("arena", ["ring arena", "sharedMemory arena", "limit arena", "memcpy array"]),
      ("array", ["ring array", "sharedMemory array", "limit arena", "memcpy array"]),
      (
        "both",
        ["ring array", "sharedMemory arena", "sharedMemory array", "limit arena", "memcpy array"]
      ),
    ] {
      let outcome = try run(
        [
          "--algorithms", "ring,sharedMemory,limit,memcpy", "--buffers", choice, "--bytes",
          "100004", "--format", "csv",
        ], ranks: 3)
      XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
      XCTAssertEqual(
        rows(outcome.output).map { "\($0["algorithm"]!) \($0["buffers"]!)" }, expected)
    }
  }

  func testTheWireNeedsTwoHosts() throws {
    let outcome = try run(
      ["--algorithms", "ring,tcp", "--bytes", "64", "--format", "csv"], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertEqual(rows(outcome.output).map { $0["algorithm"] }, ["ring"])
    XCTAssertEqual(outcome.errorLines(beginningWith: "tcp needs two hosts: left out.").count, 1)
    let nothing = try run(["--algorithms", "tcp", "--bytes", "64"], ranks: 2)
    XCTAssertEqual(nothing.exitCode, 64)
  }

  func testPeersStandInTheTable() throws {
    let mpi = try TemporaryFile("bytes,median_us,p10_us,p90_us,algbw_GBps\n64,0.001,1,1,1\n")
    let gloo = try TemporaryFile("2.15.0\n        64     3000000.50 us    0.000 GB/s\n")
    let outcome = try run(
      ["--algorithms", "automatic", "--bytes", "64", "--peers", mpi.path, gloo.path], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    let summary = lines(outcome.output).drop { !$0.hasPrefix("Medians in µs") }
    let name = URL(fileURLWithPath: mpi.path).deletingPathExtension().lastPathComponent
    XCTAssertTrue(summary.contains { $0.contains("arena : peer  array : peer") }, outcome.output)
    XCTAssertTrue(summary.contains { $0.contains(" 3000000 ") }, outcome.output)
    XCTAssertTrue(summary.contains { $0.hasSuffix("  \(name)") }, outcome.output)

    let empty = try TemporaryFile("nothing\n")
    let failed = try run(["--bytes", "64", "--peers", empty.path], ranks: 2)
    XCTAssertEqual(failed.exitCode, 65)
    XCTAssertTrue(failed.errors.contains("no line of bytes,median_us"), failed.errors)
  }

  func testHelpIsPrintedOnce() throws {
    let outcome = try ProgramRunner().run("allreduce-bench", ["--help"], ranks: 3)
    XCTAssertEqual(outcome.exitCode, 0)
    XCTAssertEqual(lines(outcome.output).filter { $0.hasPrefix("OVERVIEW") }.count, 1)
  }

  func testWrongUsageIsSaidOnce() throws {
    for (arguments, part) in [
      (["--algorithms", "ring,circle"], "'circle' is none of ring, tree"),
      (["--bytes", "6"], "multiples of 4, the size of a float"),
      (["--bytes", "4", "--type", "double"], "multiples of 8, the size of a double"),
      (["--bytes", "4...many"], "'many' is not a number of bytes"),
      (["--bytes", "64...4"], "a range begins above 0 and not after its end"),
      (["--bytes", "0"], "multiples of 4"),
      (["--bytes", "4,8", "--factor", "2"], "--factor goes with a range"),
      (["--bytes", "4...8", "--factor", "1"], "--factor must be 2 or more"),
      (["--type", "half"], "half"),
      (["--type", "int32", "--operation", "mean"], "needs --type float or double"),
      (["--segment", "6"], "--segment must be a multiple of 4"),
      (["--iterations", "0"], "--iterations must be 1 or more"),
      (["--iterations", "2", "--seconds", "1"], "exclude each other"),
      (["--seconds", "0"], "--seconds must be above 0"),
      (["--warmup", "0"], "add --iterations"),
      (["--nonsense"], "--nonsense"),
    ] {
      // Every rank reads the command line alike; starting a job for each would take long.
      let ranks = arguments[0] == "--algorithms" ? 2 : nil
      let outcome = try ProgramRunner().run("allreduce-bench", arguments, ranks: ranks)
      XCTAssertEqual(outcome.exitCode, 64, "\(arguments): \(outcome.errors)")
      XCTAssertEqual(outcome.output, "")
      let errors = outcome.errorLines(beginningWith: "error: ")
      XCTAssertEqual(errors.count, 1, outcome.errors)
      XCTAssertTrue(errors.first?.contains(part) == true, "\(part) in \(errors)")
      XCTAssertFalse(outcome.timedOut)
      XCTAssertEqual(outcome.leftBehind, [])
    }
  }

  func testTooLargeABufferIsSaid() throws {
    let outcome = try run(["--bytes", "1024Gi"], ranks: 2)
    XCTAssertEqual(outcome.exitCode, 64)
    let errors = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(errors.count, 1, outcome.errors)
    XCTAssertTrue(errors.first?.contains("end --bytes at a smaller size") == true, "\(errors)")
  }
}
