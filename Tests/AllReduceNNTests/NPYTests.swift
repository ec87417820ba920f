import AllReduceNN
import XCTest

/// Files as `numpy.save` wrote them (NumPy 2), in base 64.
final class NPYTests: XCTestCase {
  private var folder: TemporaryFolder!

  override func setUpWithError() throws { folder = try TemporaryFolder() }

  private func read<Element: NPYElement>(
    _ bytes: [UInt8], as type: Element.Type = Element.self
  ) throws -> NPYArray<Element> {
    try NPYArray(npy: folder.write("array.npy", bytes))
  }

  /// Reads what NumPy wrote, and writes the same bytes.
  private func check<Element: NPYElement>(
    _ text: String, _ sizes: [Int], _ elements: [Element], at line: UInt = #line
  ) throws {
    let bytes = bytes(base64: text)
    let array = try read(bytes, as: Element.self)
    XCTAssertEqual(array, NPYArray(sizes: sizes, elements: elements), line: line)
    XCTAssertEqual(array.npyBytes, bytes, line: line)
    let path = folder.path + "/written.npy"
    try array.write(npy: path)
    XCTAssertEqual(try NPYArray(npy: path), array, line: line)
  }

  // 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)
  private let floats =
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9"
    + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIArNzMw9AAAAwOax"
    + "YX8AAIB/whYBAAAAoEA="

  func testEveryTypeIsReadAndWrittenAsNumPyDoes() throws {
    try check(floats, [2, 3], [0.1, -2, 3e38, .infinity, Float(bitPattern: 71_362), 5])
    try check(
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAg"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAEQA==",
      [], [2.5])
    try check(
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAg"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAA/v///w==",
      [2], [1, -2] as [Int32])
    try check(
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDIsIDEp"
        + "LCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAEAAP//"
        + "////////", [1, 2, 1], [1 << 40, -1] as [Int64])
    try check(
      "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDAsIDMpLCB9"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo=",
      [0, 3],
      [] as [Int64])
  }

  func testLaterVersionsOfTheFormat() throws {
    // Version 2, [[1, 2], [3, 4]].
    let second =
      "k05VTVBZAgB0AAAAeydkZXNjcic6ICd8dTEnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwgMiks"
      + "IH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAgME"
    XCTAssertEqual(
      try read(bytes(base64: second)), NPYArray(sizes: [2, 2], elements: [1, 2, 3, 4] as [UInt8]))
    let third =
      "k05VTVBZAwB0AAAAeydkZXNjcic6ICd8dTEnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwpLCB9"
      + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoH"
    XCTAssertEqual(try read(bytes(base64: third)).elements, [7] as [UInt8])
  }

  /// One dimension or none lies in the same way in either order, and Python 2 wrote long numbers with an L.
  func testHeadersThatMeanTheSame() throws {
    XCTAssertEqual(
      try read(
        bytes(
          base64:
            "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoKSwgfSAgICAg"
            + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/"
        )),
      NPYArray(sizes: [], elements: [1 as Float]))
    XCTAssertEqual(
      try read(
        bytes(
          base64:
            "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoNiwpLCB9ICAg"
            + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAAQAAA"
            + "QEAAAIBAAACgQAAAwEA=")),
      NPYArray(sizes: [6], elements: [1, 2, 3, 4, 5, 6 as Float]))
    XCTAssertEqual(
      try read(
        bytes(
          base64:
            "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDJMLCAzTCks"
            + "IH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAAQAAA"
            + "QEAAAIBAAACgQAAAwEA=")),
      NPYArray(sizes: [2, 3], elements: [1, 2, 3, 4, 5, 6 as Float]))
  }

  func testManyNumbersStartAtALineOfMemory() throws {
    let array = NPYArray(sizes: [30, 100], elements: (0..<3_000).map { Double($0).squareRoot() })
    XCTAssertEqual((array.npyBytes.count - 24_000) % 64, 0)
    XCTAssertEqual(try read(array.npyBytes), array)
  }

  private func assertFails<Element: NPYElement>(
    _ bytes: [UInt8], as type: Element.Type, expected: String, found: String,
    at line: UInt = #line
  ) {
    assertDataError("\(folder.path)/array.npy", expected: expected, found: found, at: line) {
      _ = try read(bytes, as: type)
    }
  }

  func testFilesThatCannotBeRead() {
    let whole = bytes(base64: floats)
    assertFails(whole, as: Double.self, expected: "<f8", found: "<f4")
    assertFails([], as: Float.self, expected: "NUMPY", found: "an empty file")
    assertFails(Array("a text, no array".utf8), as: Float.self, expected: "NUMPY", found: "a text")
    assertFails(Array(whole.prefix(50)), as: Float.self, expected: "128 bytes", found: "50")
    assertFails(Array(whole.prefix(11)), as: Float.self, expected: "128 bytes", found: "11")
    assertFails(
      Array(whole.dropLast(3)), as: Float.self, expected: "2 x 3 numbers of 4 bytes",
      found: "21 bytes")
    assertFails(whole + [0], as: Float.self, expected: "2 x 3 numbers", found: "25 bytes")
    var version = whole
    version[6] = 9
    assertFails(version, as: Float.self, expected: "version 1, 2 or 3", found: "9")
    // Column by column, the other order of bytes, and a structure.
    for (text, expected, found) in [
      (
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMiksIH0g"
          + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AACAPwAA"
          + "gD8AAIA/", "rows", "Fortran"
      ),
      (
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPmY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsKSwgfSAg"
          + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo/gAAA",
        "<f4",
        ">f4"
      ),
      (
        "k05VTVBZAQB2AHsnZGVzY3InOiBbKCdhJywgJzxpNCcpLCAoJ2InLCAnPGY0JyldLCAnZm9ydHJhbl9vcmRlcic6IEZh"
          + "bHNlLCAnc2hhcGUnOiAoMSwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAAAAAAAQA==",
        "one type", "descr"
      ),
    ] { assertFails(bytes(base64: text), as: Float.self, expected: expected, found: found) }
  }

  func testFilesThatCannotBeWritten() {
    let path = folder.path + "/none/array.npy"
    assertDataError(path, expected: "written", found: "No such file") {
      try NPYArray(sizes: [1], elements: [1.0]).write(npy: path)
    }
  }
}
