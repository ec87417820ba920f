import Foundation
import TestSupport
import XCTest

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// explain from end to end: its pictures and its refusals.
final class ExplainTests: XCTestCase {
  private static let algorithms = [
    "ring", "tree", "flatTree", "doubleTree", "recursiveDoubling", "halvingDoubling",
    "gatherAndReduce",
  ]
  private static let collectives = [
    "allReduce", "reduceScatter", "allGather", "broadcast", "reduce",
  ]

  private func explain(_ arguments: String...) throws -> ProgramRunner.Outcome {
    try ProgramRunner().run("explain", arguments)
  }

  /// Many messages are refused, and what is drawn takes little memory.
  func testManySegmentsAreBounded() throws {
    let limited = ["sh", "-c", "ulimit -v 2000000; exec \"$0\" \"$@\""]
    let many = ["--count", "100000", "--segments", "256"]
    let outcome = try ProgramRunner().run("explain", ["--ranks", "64"] + many, wrapper: limited)
    XCTAssertEqual(outcome.exitCode, 64, outcome.errors)
    XCTAssertTrue(
      outcome.errors.contains("messages, but at most 100000 can be drawn"), outcome.errors)
    let fewer = try ProgramRunner().run("explain", ["--ranks", "8"] + many, wrapper: limited)
    XCTAssertEqual(fewer.exitCode, 0, fewer.errors)
  }

  /// The ring turns: what each rank holds after every step, and the counts.
  func testRingOfThree() throws {
    let outcome = try explain("--algorithm", "ring", "--ranks", "3")
    XCTAssertEqual(outcome.exitCode, 0)
    XCTAssertEqual(outcome.errors, "")
    XCTAssertEqual(
      outcome.output,
      """
      allReduce by ring over 3 ranks
      3 elements, drawn as A to C
      A cell shows the ranks whose values it contains.
      + just added; = just copied; * complete

      Start
               A      B      C
      rank 0   0··    0··    0··
      rank 1   ·1·    ·1·    ·1·
      rank 2   ··2    ··2    ··2

      Step 1, added:   0 ─C→ 1   1 ─A→ 2   2 ─B→ 0
               A      B      C
      rank 0   0··   +0·2    0··
      rank 1   ·1·    ·1·   +01·
      rank 2  +·12    ··2    ··2

      Step 2, added:   0 ─B→ 1   1 ─C→ 2   2 ─A→ 0
               A      B      C
      rank 0  +012*   0·2    0··
      rank 1   ·1·   +012*   01·
      rank 2   ·12    ··2   +012*

      Step 3, copied:   0 ─A→ 1   1 ─B→ 2   2 ─C→ 0
               A      B      C
      rank 0   012*   0·2   =012*
      rank 1  =012*   012*   01·
      rank 2   ·12   =012*   012*

      Step 4, copied:   0 ─C→ 1   1 ─A→ 2   2 ─B→ 0
               A      B      C
      rank 0   012*  =012*   012*
      rank 1   012*   012*  =012*
      rank 2  =012*   012*   012*

      steps                        4 = 2(p-1)
      elements sent by each rank   4 = 2(p-1)/p N
      elements sent in all        12 = 2(p-1) N
      p = 3 (ranks), N = 3 (elements)

      """)
  }

  /// Every picture fits a terminal, ends with all complete, and agrees with its formula.
  func testEveryPicture() throws {
    for algorithm in Self.algorithms {
      for collective in Self.collectives {
        for ranks in [1, 7, 8, 20] {
          let title = "\(collective) by \(algorithm), \(ranks) ranks"
          let outcome = try explain(
            "--algorithm", algorithm, "--collective", collective, "--ranks", "\(ranks)")
          XCTAssertEqual(outcome.exitCode, 0, title)
          let lines = outcome.output.split(separator: "\n")
          XCTAssertLessThanOrEqual(lines.map(\.count).max() ?? 0, 80, title)
          XCTAssertFalse(outcome.output.contains("≈"), title)
          if collective == "allReduce" && (2...8).contains(ranks) {
            let last = lines.last { $0.contains("rank 0") || $0.hasPrefix("0 ") }
            XCTAssertEqual(last?.contains("·"), false, title)
          }
        }
      }
    }
  }

  /// Segments flow through the tree while others still rise.
  func testSegmentsOverlap() throws {
    let outcome = try explain("--algorithm", "tree", "--ranks", "3", "--segments", "3")
    XCTAssertTrue(
      outcome.output.contains("Step 3, added:   1 ─B→ 0\n  and copied:   0 ─A→ 2\n"),
      outcome.output)
  }

  /// The drawings are well-formed.
  func testDrawingsAreXML() throws {
    for algorithm in Self.algorithms {
      for collective in Self.collectives {
        for ranks in [1, 3, 8] {
          let outcome = try explain(
            "--algorithm", algorithm, "--collective", collective, "--ranks", "\(ranks)",
            "--format", "svg")
          let title = "\(collective) by \(algorithm), \(ranks) ranks"
          XCTAssertEqual(outcome.exitCode, 0, title)
          XCTAssertTrue(outcome.output.hasPrefix("<svg "), title)
          XCTAssertTrue(XMLParser(data: Data(outcome.output.utf8)).parse(), title)
        }
      }
    }
  }

  /// A ring of many is drawn as its first steps, the turn, and the last one.
  func testManyStepsAreLeftOut() throws {
    let outcome = try explain("--algorithm", "ring", "--ranks", "20", "--format", "svg")
    XCTAssertTrue(outcome.output.contains("steps 3 to 18 alike"), outcome.errors)
    XCTAssertTrue(outcome.output.contains(">Step 38<"))
    XCTAssertFalse(outcome.output.contains(">Step 17<"))
  }

  /// A plan is drawn with the part of the weights that each rank has, and its exchanges.
  func testPlans() throws {
    let outcome = try explain(
      "--plan", "hybrid", "--model", "cnn", "--ranks", "4", "--format", "svg")
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertTrue(XMLParser(data: Data(outcome.output.utf8)).parse())
    for words in [
      "7 Dense 3136 -&gt; 512", "featureSharded → partial", ">all-reduce<", "grid 1 x 4",
    ] {
      XCTAssertTrue(outcome.output.contains(words), words)
    }
    let text = try explain("--plan", "model", "--layers", "8,6,relu,4", "--ranks", "2")
    XCTAssertTrue(text.output.contains("2 Dense 6 -> 4  rows"), text.output)
    let none = try explain("--plan", "data/digits.csv.gz", "--model", "mlp")
    XCTAssertEqual(none.exitCode, 65, none.errors)
    XCTAssertEqual(try explain("--model", "mlp").exitCode, 64)
  }

  func testWrongUsage() throws {
    let cases: [([String], String)] = [
      (["--algorithm", "automatic"], "automatic has no schedule"),
      (["--algorithm", "native"], "native has no schedule"),
      (["--algorithm", "sharedMemory"], "sharedMemory has no schedule"),
      (["--algorithm", "circle"], "'circle' is invalid"),
      (["--ranks", "0"], "1 to 64, not 0"),
      (["--ranks", "65"], "1 to 64, not 65"),
      (["--root", "0"], "has no root"),
      (["--collective", "reduce", "--root", "4"], "0 to 3, not 4"),
      (["--segments", "0"], "1 to 256, not 0"),
    ]
    for (arguments, words) in cases {
      let outcome = try ProgramRunner().run("explain", arguments)
      XCTAssertEqual(outcome.exitCode, 64, "\(arguments)")
      XCTAssertEqual(outcome.output, "", "\(arguments)")
      let errors = outcome.errorLines(beginningWith: "error: ")
      XCTAssertEqual(errors.count, 1, outcome.errors)
      XCTAssertTrue(errors.first?.contains(words) ?? false, outcome.errors)
    }
  }
}
