import AllReduce
import XCTest

/// Files of measured choices: what they say, and what is wrong with them.
final class TuningFileTests: XCTestCase {
  private let tables = [
    TuningTable(
      ranksPerHost: [2], machine: "a \"fast\" one\\", date: "2026-11-25",
      steps: [
        .arena: [.init(upToBytes: nil, .sharedMemory)],
        .array: [
          .init(upToBytes: 4096, .sharedMemory),
          .init(upToBytes: nil, .ring.segmented(bytes: 65536)),
        ],
        .messages: [.init(upToBytes: 64, .tree), .init(upToBytes: nil, .doubleTree)],
      ]),
    TuningTable(
      ranksPerHost: [1, 3], machine: "", date: "",
      steps: [
        .arena: [.init(upToBytes: nil, .hierarchical)],
        .array: [.init(upToBytes: nil, .hierarchical)],
        .messages: [.init(upToBytes: nil, .ring)],
      ]),
  ]

  func testWhatIsWrittenIsRead() throws {
    let text = TuningFile.text(tables)
    XCTAssertEqual(try TuningFile.tables(in: text, file: "x"), tables)
    XCTAssertEqual(try TuningFile.tables(in: TuningFile.text([]), file: "x"), [])
  }

  func testATableIsForItsPlacementWhicheverHostIsFirst() {
    XCTAssertTrue(tables[1].isFor(ranksPerHost: [3, 1]))
    for other in [[4], [2, 2], [1, 3, 1], [1]] {
      XCTAssertFalse(tables[1].isFor(ranksPerHost: other), "\(other)")
    }
  }

  func testMistakesAreSaidWithTheirLine() {
    let good = TuningFile.text([tables[0]])
    XCTAssertNoThrow(try TuningFile.tables(in: good, file: "x"))
    for (old, new, parts) in [
      (good, "", ["line 1", "expected a value, found the end of the text"]),
      (good, "[1, 2", ["line 1", "',' or ']'"]),
      (good, "[]", ["line 1", "a list of 0", "an object with version"]),
      (good, "{}", ["line 1", "without version"]),
      ("\"version\": 1", "\"version\": 2", ["line 2", "version 2, which must be 1"]),
      ("\"version\": 1", "\"version\": one", ["line 2", "expected a value, found 'o'"]),
      ("\"date\": \"", "\"date\": \"\\u12G4", ["four hexadecimal digits", "found 'G'"]),
      (
        "\"tables\": [", "\"tables\": 7, \"x\": [",
        ["line 3", "has 7 for tables, which must be a list"]
      ),
      ("\"ranks\": 2", "\"ranks\": 3", ["line 5", "has 3 for ranks", "[2] makes 2"]),
      ("\"hosts\": 1", "\"hosts\": 2", ["line 6", "has 2 for hosts", "makes 1"]),
      ("[2]", "[2, -1]", ["line 7", "has -1 for ranks_per_host"]),
      ("[2]", "[]", ["line 7", "no rank"]),
      (
        "[2]", "[9223372036854775807, 9223372036854775807]",
        ["line 7", "has 9223372036854775807 for ranks_per_host"]
      ),
      ("65536", "9223372036854775807", ["has 9223372036854775807 for segment_bytes"]),
      ("\"date\":", "\"day\":", ["line 4", "without date"]),
      ("\"sharedMemory\"", "\"circle\"", ["line 11", "\"circle\", which is not the name"]),
      ("\"sharedMemory\"", "\"native\"", ["names native in arena", "cannot be chosen"]),
      ("\"sharedMemory\"", "\"hierarchical\"", ["names hierarchical in arena", "on 1 host"]),
      ("\"doubleTree\"", "\"sharedMemory\"", ["names sharedMemory in messages"]),
      ("65536", "0", ["has 0 for segment_bytes, which must be a whole number from 1"]),
      ("65536", "1.5", ["has 1.5 for segment_bytes"]),
      ("65536", "4095", ["has 4095 for segment_bytes, which must be 4096 or more"]),
      ("64,", "null,", ["has null for up_to_bytes", "only there"]),
      (
        "null, \"algorithm\": \"ring\"", "8192, \"algorithm\": \"ring\"",
        ["has 8192", "only there"]
      ),
      (
        "{\"up_to_bytes\": 64,",
        "{\"up_to_bytes\": 64, \"algorithm\": \"ring\", \"segment_bytes\": null},\n"
          + "{\"up_to_bytes\": 64,",
        ["has 64 for up_to_bytes after 64", "ascend"]
      ),
    ] {
      let text = good.replacingFirst(old, with: new)
      XCTAssertNotEqual(text, good)
      XCTAssertThrowsError(try TuningFile.tables(in: text, file: "choices.json"), new) { error in
        let words = "\(error)"
        XCTAssertTrue(words.hasPrefix("choices.json: line "), words)
        for part in parts { XCTAssertTrue(words.contains(part), "\(part) in \(words)") }
        XCTAssertEqual((error as? TuningError)?.exitCode, 65)
      }
    }
  }

  func testTwoTablesForOnePlacementAreAMistake() {
    XCTAssertThrowsError(
      try TuningFile.tables(in: TuningFile.text([tables[1], tables[1]]), file: "x"))
  }

  func testEveryTextOfJSONIsRead() throws {
    let text = TuningFile.text([tables[0]])
      .replacingFirst("a \\\"fast\\\" one\\\\", with: "\\u00e9\\n\\/ €")
      .replacingFirst(
        "\"date\"", with: "\"more\": {\"x\": [true, false, null, -1.5e3, {}]}, \"date\"")
    XCTAssertEqual(try TuningFile.tables(in: text, file: "x")[0].machine, "é\n/ €")
    let deep = String(repeating: "[", count: 100_000)
    XCTAssertThrowsError(try TuningFile.tables(in: deep, file: "x"))
  }
}

extension String {
  /// With the first place of a text replaced.
  fileprivate func replacingFirst(_ text: String, with other: String) -> String {
    guard let range = firstRange(of: text) else { return self }
    return replacingCharacters(range, with: other)
  }

  private func replacingCharacters(_ range: Range<Index>, with other: String) -> String {
    String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
  }
}
