import AllReduceNN
import Foundation
import XCTest

/// Rows to predict from, read from files of NumPy piece by piece, against whole tables.
final class InputRowsTests: XCTestCase {
  private let folder = try! TemporaryFolder()

  private func write(
    _ name: String, _ type: String, _ sizes: [Int], _ body: [UInt8], isFortranOrder: Bool = false
  ) throws -> String {
    var header =
      "{'descr': '\(type)', 'fortran_order': \(isFortranOrder ? "True" : "False"), 'shape': ("
      + sizes.map { "\($0)," }.joined(separator: " ") + "), }"
    header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    return try folder.write(
      name, [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + body)
  }

  private func bytes(of values: [Float]) -> [UInt8] {
    values.withUnsafeBytes { Array($0) }
  }

  /// Reads the rows in pieces of 1, 2, 3, ... and compares them with a table's.
  private func checkEqualsTable(
    _ path: String, scaled scaling: Scaling?, at line: UInt = #line
  ) throws {
    var format = ExampleFormat()
    format.inputs = scaling
    let table = try ExampleTable<Float>(npy: path, ColumnChoice(target: nil, like: format))
    let rows = try InputRows<Float>(npy: path, like: format)
    XCTAssertEqual(rows.count, table.count, line: line)
    XCTAssertEqual(rows.shape, table.shape, line: line)
    var (read, first, length) = ([Float](), 0, 1)
    while first < rows.count {
      let numbers = first..<min(first + length, rows.count)
      var piece = [Float](repeating: .nan, count: numbers.count * rows.shape.count)
      try piece.withUnsafeMutableBufferPointer { try rows.read(numbers, into: $0) }
      read += piece
      (first, length) = (numbers.upperBound, length + 1)
    }
    XCTAssertEqual(read, table.inputs, line: line)
  }

  func testPiecesEqualTheWholeTable() throws {
    let pixels = (0..<30).map { UInt8($0 * 9 % 256) }
    let columns = Scaling(means: [1, 2, 3, 4, 5, 6], deviations: [0.5, 1, 2, 3, 4, 5])
    let images = try write("bytes.npy", "|u1", [5, 3, 2], pixels)
    for scaling in [nil, .divided(by: 255), columns] {
      try checkEqualsTable(images, scaled: scaling)
    }
    let numbers = bytes(of: (0..<30).map { Float($0).squareRoot() })
    for isFortranOrder in [false, true] {
      let path = try write(
        "floats.npy", "<f4", [5, 6], numbers, isFortranOrder: isFortranOrder)
      for scaling in [nil, .divided(by: 3), columns] {
        try checkEqualsTable(path, scaled: scaling)
      }
    }
  }

  func testAPackedFileIsRead() throws {
    let path = try write("packed.npy", "|u1", [4, 2], [1, 2, 3, 4, 5, 6, 7, 255])
    let gzip = Process()
    gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    gzip.arguments = ["gzip", path]
    try gzip.run()
    gzip.waitUntilExit()
    try checkEqualsTable(path + ".gz", scaled: .divided(by: 255))
  }

  func testWhatCannotBeReadIsNamed() throws {
    let path = try write(
      "nan.npy", "<f4", [3, 2], bytes(of: [0, 1, 2, 3, 4, .nan]))
    let rows = try InputRows<Float>(npy: path, like: ExampleFormat())
    var target: [Float] = [0, 0, 0, 0]
    try target.withUnsafeMutableBufferPointer { try rows.read(0..<2, into: $0) }
    assertDataError(path, expected: "finite numbers", found: "nan in row 2, column 1") {
      try target.withUnsafeMutableBufferPointer { try rows.read(1..<3, into: $0) }
    }
    for (name, sizes, count, expected, found) in [
      ("none", [0, 2], 0, "inputs of [examples, ...]", "[0, 2]"),
      ("short", [3, 2], 20, "3 x 2 numbers of 4 bytes", "20 bytes"),
      ("long", [3, 2], 28, "3 x 2 numbers of 4 bytes", "28 bytes"),
    ] {
      let path = try write("\(name).npy", "<f4", sizes, [UInt8](repeating: 0, count: count))
      assertDataError(path, expected: expected, found: found) {
        _ = try InputRows<Float>(npy: path, like: ExampleFormat())
      }
    }
    var format = ExampleFormat()
    format.inputs = Scaling(means: [0, 0, 0], deviations: [1, 1, 1])
    assertDataError(path, expected: "inputs of 3 numbers", found: "[2]") {
      _ = try InputRows<Float>(npy: path, like: format)
    }
  }
}
