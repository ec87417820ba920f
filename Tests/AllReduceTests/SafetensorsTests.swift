import AllReduce
import AllReduceNN
import Foundation
import XCTest

/// Files as `safetensors.numpy.save` wrote them (safetensors for Python), and what is done to them.
final class SafetensorsTests: TensorFileTestCase {
  /// "b" F64 [3]: 0 1 2; "a.weight" F32 [2, 3]: 1 2 3 4 5 -0.5; "empty" F32 [0, 4]; "half" F16 [1]: 1.5; and two
  /// texts of metadata.
  private let written = Array(
    Data(
      base64Encoded:
        "IAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJub3RlIjoiw6QgXCJxXCIiLCJmb3JtYXQiOiJucCJ9LCJiIjp7ImR0eXBl"
        + "IjoiRjY0Iiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbMCwyNF19LCJhLndlaWdodCI6eyJkdHlwZSI6IkYzMiIs"
        + "InNoYXBlIjpbMiwzXSwiZGF0YV9vZmZzZXRzIjpbMjQsNDhdfSwiZW1wdHkiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6"
        + "WzAsNF0sImRhdGFfb2Zmc2V0cyI6WzQ4LDQ4XX0sImhhbGYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzFdLCJkYXRh"
        + "X29mZnNldHMiOls0OCw1MF19fSAAAAAAAAAAAAAAAAAAAPA/AAAAAAAAAEAAAIA/AAAAQAAAQEAAAIBAAACgQAAAAL8A"
        + "Pg==")!)

  private func read(_ bytes: [UInt8]) throws -> SafetensorsFile {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try SafetensorsFile(path: path)
  }

  /// A file of a header and `count` zero bytes after it.
  private func file(_ header: String, _ count: Int) -> [UInt8] {
    file(header, [UInt8](repeating: 0, count: count))
  }

  private func assertRefused(
    _ bytes: [UInt8], _ parts: [String], line: UInt = #line
  ) {
    XCTAssertThrowsError(try read(bytes), line: line) { error in
      let text = "\(error)"
      XCTAssertTrue(error is DataError, text, line: line)
      for part in [path] + parts {
        XCTAssertTrue(text.contains(part), "\(part) in \(text)", line: line)
      }
      XCTAssertFalse(text.contains("\n"), line: line)
    }
  }

  func testWhatPythonWroteIsRead() throws {
    let file = try read(written)
    XCTAssertEqual(file.metadata, ["format": "np", "note": "ä \"q\""])
    XCTAssertEqual(file.entries.map(\.name), ["b", "a.weight", "empty", "half"])
    XCTAssertEqual(file.entries.map(\.type), ["F64", "F32", "F32", "F16"])
    XCTAssertEqual(file.entries.map(\.shape), [[3], [2, 3], [0, 4], [1]])
    let weight = try XCTUnwrap(file["a.weight"])
    let floats = file.withBytes(of: weight) { bytes in
      (0..<6).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    XCTAssertEqual(floats, [1, 2, 3, 4, 5, -0.5])
    let doubles = file.withBytes(of: try XCTUnwrap(file["b"])) { bytes in
      (0..<3).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
    }
    XCTAssertEqual(doubles, [0, 1, 2])
    XCTAssertNil(file["c"])
  }

  func testNamesBeyond16BitsAndNoMetadata() throws {
    let tensor = "{\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}"
    for (name, read) in [
      ("w\\ud83d\\ude00", "w😀"), ("w\\u00E9", "wé"), ("w\\ud83d!", "w\u{FFFD}!"),
      ("w\\ude00\\ud83d", "w\u{FFFD}\u{FFFD}"), ("w\\ud83d\\u0041", "w\u{FFFD}A"),
    ] {
      XCTAssertEqual(
        try self.read(file("{\"\(name)\": \(tensor)}", 8)).entries.map(\.name), [read])
    }
    assertRefused(file("{\"w\\u+123\": \(tensor)}", 8), ["hexadecimal"])
    let without = try self.read(file("{\"__metadata__\": null, \"w\": \(tensor)}", 8))
    XCTAssertEqual(without.metadata, [:])
    XCTAssertEqual(without.entries.map(\.name), ["w"])
  }

  func testEveryTruncationIsRefused() throws {
    for count in 0..<written.count {
      assertRefused(Array(written[..<count]), [])
    }
    assertRefused(written + [0], ["50 bytes", "51"])
  }

  func testHeadersThatCannotBe() {
    assertRefused(Array("PK\u{3}\u{4} no tensors here at all".utf8), ["header"])
    assertRefused([UInt8](repeating: 255, count: 16), ["header of up to 8 bytes"])
    assertRefused(file("[]", 0), ["'{'"])
    assertRefused(file("{\"a\": ", 0), ["JSON"])
    func tensor(_ name: String, _ type: String, _ shape: String, _ offsets: String) -> String {
      "\"\(name)\": {\"dtype\": \"\(type)\", \"shape\": \(shape), \"data_offsets\": \(offsets)}"
    }
    let cases: [(tensors: [String], bytes: Int, parts: [String])] = [
      ([tensor("a", "F99", "[1]", "[0, 4]")], 4, ["dtype", "F99"]),
      ([tensor("a", "F32", "[2]", "[0, 4]")], 4, ["8 bytes", "\"a\"", "4"]),
      ([tensor("a", "F32", "[-1]", "[0, 4]")], 4, ["shape", "-1"]),
      ([tensor("a", "F32", "[1]", "[4, 0]")], 4, ["data_offsets"]),
      ([tensor("a", "F32", "[4294967296, 4294967296]", "[0, 4]")], 4, ["4294967296"]),
      // Beyond the file, with a gap, over each other.
      ([tensor("a", "F32", "[2]", "[0, 8]")], 4, ["8 bytes", "4"]),
      ([tensor("a", "F32", "[1]", "[4, 8]")], 8, ["begin at byte 0", "4"]),
      (
        [tensor("a", "F32", "[2]", "[0, 8]"), tensor("b", "F32", "[1]", "[4, 8]")], 8,
        ["\"b\"", "begin at byte 8", "byte 4"]
      ),
      (
        [tensor("a", "F32", "[1]", "[0, 4]"), tensor("a", "F32", "[1]", "[4, 8]")], 8,
        ["\"a\" twice"]
      ),
      (["\"__metadata__\": {\"a\": 1}"], 0, ["metadata", "\"a\""]),
      (["\"a\": 1"], 0, ["\"a\""]),
    ]
    for (tensors, bytes, parts) in cases {
      assertRefused(file("{" + tensors.joined(separator: ", ") + "}", bytes), parts)
    }
  }
}
