import AllReduceNN
import Foundation
import XCTest

final class CSVTests: XCTestCase {
  private var path = ""

  override func setUp() {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString).csv").path
  }

  override func tearDown() {
    try? FileManager.default.removeItem(atPath: path)
  }

  private func read(_ text: String) throws -> NumericTable {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try NumericTable(csv: path)
  }

  private func assertFails(
    _ text: String, line: Int?, column: Int? = nil, name: String? = nil, expected: String,
    found: String, at sourceLine: UInt = #line
  ) {
    XCTAssertThrowsError(try read(text), line: sourceLine) { error in
      guard let error = error as? DataError else { return XCTFail("\(error)", line: sourceLine) }
      XCTAssertEqual(error.file, path, line: sourceLine)
      XCTAssertEqual(error.line, line, line: sourceLine)
      XCTAssertEqual(error.column, column, line: sourceLine)
      XCTAssertEqual(error.columnName, name, line: sourceLine)
      XCTAssertTrue(error.expected.contains(expected), "\(error)", line: sourceLine)
      XCTAssertTrue(error.found.contains(found), "\(error)", line: sourceLine)
      XCTAssertFalse(error.description.contains("\n"), line: sourceLine)
    }
  }

  func testHeaderAndNumbers() throws {
    let table = try read("a,b c,d\n1,-2.5,3e2\n.5,+4.,1E-3\n")
    XCTAssertTrue(table.hasHeader)
    XCTAssertEqual(table.columnNames, ["a", "b c", "d"])
    XCTAssertEqual(
      table.values,
      Matrix(rows: 2, columns: 3, elements: [1, -2.5, 300, 0.5, 4, 0.001]))
  }

  /// Digits are read one by one or eight at once, and the number is the same.
  func testNumbersOfAnyLengthAreRoundedCorrectly() throws {
    var state: UInt64 = 20_261_130
    func next(_ limit: UInt64) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % limit)
    }
    func digits(_ most: UInt64) -> String {
      (0..<next(most + 1)).map { _ in String(next(3) == 0 ? 0 : next(10)) }.joined()
    }
    var texts = [
      // Multiples of 2^64, and zeros beyond 20 digits.
      "18446744073709551616", "18446744073709551616.5", "-36893488147419103232",
      "1" + String(repeating: "0", count: 64), String(repeating: "0", count: 25) + ".5",
      "-0", "0.0", "000.5", "1.00000000", "0.12345678", "0.123456789", "12345678.87654321",
    ]
    while texts.count < 40_000 {
      var text = ["", "-", "+"][next(3)] + digits(next(4) == 0 ? 20 : 3)
      if next(5) > 0 { text += "." + digits(next(4) == 0 ? 25 : 9) }
      if next(8) == 0 { text += "e\(next(40) - 20)" }
      if Double(text)?.isFinite == true { texts.append(text) }
    }
    // Two columns, so that numbers stand before a comma and at the end of a line.
    let rows = stride(from: 0, to: texts.count - 1, by: 2).map { "\(texts[$0]),\(texts[$0 + 1])" }
    let table = try read("a,b\n" + rows.joined(separator: "\n") + "\n")
    for (text, number) in zip(texts, table.values.elements) {
      XCTAssertEqual(
        Double(text)?.bitPattern, number.bitPattern, "\(text) read as \(number)")
    }
  }

  func testWithoutHeaderColumnsAreNumbered() throws {
    let table = try read("1,2\n3,4")
    XCTAssertFalse(table.hasHeader)
    XCTAssertEqual(table.columnNames, ["column 1", "column 2"])
    XCTAssertEqual(table.values.elements, [1, 2, 3, 4])
    XCTAssertEqual(try table.columnIndex("2"), 1)
    XCTAssertEqual(try table.columnIndex("column 2"), 1)
  }

  func testWhatOtherProgramsWrite() throws {
    let expected = [1.0, 2, 3, 4]
    for text in [
      "\u{FEFF}a,b\r\n1,2\r\n3,4\r\n", "\u{FEFF}1,2\n3,4", "a,b\n1,2\n3,4",
      "a,b\n\n1,2\n \n3,4\n\n",
      "\n\na,b\n1,2\n3,4", "\"a\",\"b\"\n\"1\",\"2\"\n 3 , \"4\" \n",
      "\"a, \"\"x\"\"\",b\n1,2\n3,4",
      "a,b\n\t1,2\n3,4\r\n\r\n",
    ] {
      XCTAssertEqual(try read(text).values.elements, expected, text.debugDescription)
    }
    XCTAssertEqual(
      try read("\"a, \"\"x\"\"\",b\n1,2\n").columnNames, ["a, \"x\"", "b"])
    XCTAssertEqual(try read("x\n1\n2").values, Matrix(rows: 2, columns: 1, elements: [1, 2]))
  }

  func testNumbersAreRoundedCorrectly() throws {
    let words = [
      "0.1", "0.30000000000000004", "123456789012345678", "9007199254740993", "1e23", "8.5e-320",
      "2.2250738585072011e-308", "1.7976931348623157e308", "-0.0", "00012.50",
      "3.14159265358979323846264338327950288", "0.000000000000000000000000000001", "5e-324", "1e22",
    ]
    let table = try read(words.joined(separator: "\n"))
    XCTAssertEqual(table.values.elements, words.map { Double($0)! })
    for index in 0..<2_000 as Range<UInt64> {
      let bits = Philox(seed: 7).block(at: index)
      let number = Double(bitPattern: UInt64(bits.x) << 32 | UInt64(bits.y))
      guard number.isFinite else { continue }
      XCTAssertEqual(try read("\(number)").values.elements, [number])
    }
  }

  func testWhatIsNoNumber() {
    for word in ["abc", "nan", "inf", "-Infinity", "0x10", "1_000", "1e", "--1", "1.2.3", "1e999"] {
      assertFails(
        "a,b\n1,2\n3,\(word)\n", line: 3, column: 2, name: "b", expected: "a finite number",
        found: word)
    }
    assertFails(
      "a,b\n1,2\n,4\n", line: 3, column: 1, name: "a", expected: "number", found: "nothing")
    assertFails("1,2\n3,x\n", line: 2, column: 2, expected: "number", found: "x")
    assertFails(
      "\u{FEFF}\n\n1,2\r\n\n3,x\n", line: 5, column: 2, expected: "number", found: "x")
    assertFails(
      "a\n" + String(repeating: "long", count: 50), line: 2, column: 1, name: "a",
      expected: "number", found: "...")
  }

  func testRaggedLines() {
    assertFails("a,b,c\n1,2,3\n4,5\n", line: 3, expected: "3", found: "2")
    assertFails("a,b\n1,2,3\n4,5\n", line: 2, expected: "2", found: "3")
    assertFails("a,b\n1,\"2\n4,5\n", line: 2, expected: "quote", found: "quote")
    assertFails("a,\"b\n1,2\n", line: 1, expected: "quote", found: "quote")
  }

  func testFilesWithoutRows() {
    assertFails("", line: nil, expected: "rows", found: "an empty file")
    assertFails("\n\n  \n", line: nil, expected: "rows", found: "an empty file")
    assertFails("a,b\n", line: 2, expected: "2 numbers", found: "only a header")
  }

  func testFilesThatCannotBeRead() {
    XCTAssertThrowsError(try NumericTable(csv: path)) { error in
      XCTAssertTrue("\(error)".contains("no such file"), "\(error)")
      XCTAssertTrue("\(error)".contains(path), "\(error)")
    }
    XCTAssertThrowsError(try NumericTable(csv: "/tmp")) { error in
      XCTAssertTrue("\(error)".contains("directory"), "\(error)")
    }
  }

  func testColumnsByNameOrNumber() throws {
    let table = try read("a,\"2\",b,a\n1,2,3,4\n")
    XCTAssertEqual(try table.columnIndex("b"), 2)
    XCTAssertEqual(try table.columnIndex("2"), 1)
    XCTAssertEqual(try table.columnIndex("3"), 2)
    for unknown in ["c", "0", "5", "-1", "a", ""] {
      XCTAssertThrowsError(try table.columnIndex(unknown), unknown) { error in
        XCTAssertEqual((error as? DataError)?.columnName, unknown)
      }
    }
  }

  func testAFirstLineOfNumbersAndWordsIsNoHeader() throws {
    for (text, column, found) in [
      ("1,NA,3.5\n1,7,-17.5\n", 2, "\"NA\""), ("a,2020,y\n1,2,3\n", 1, "\"a\""),
      (",1,2\n0,1,2\n", 1, "nothing"), ("1,\"x\",3\n1,2,3\n", 2, "\"x\""),
    ] {
      assertFails(text, line: 1, column: column, expected: "a header of names", found: found)
    }
    XCTAssertEqual(try read("a,\"2020\",y\n1,2,3\n").columnNames, ["a", "2020", "y"])
    // An index that has no name.
    XCTAssertEqual(try read(",a,y\n0,1,2\n1,3,4\n").columnNames, ["column 1", "a", "y"])
    XCTAssertThrowsError(try read("2019,2020\n1,2\n").columnIndex("2021")) { error in
      XCTAssertTrue("\(error)".contains("the first line has only numbers"), "\(error)")
      XCTAssertTrue("\(error)".contains("counts as a row"), "\(error)")
    }
  }

  func testOtherLineEndsAndSeparatorsAreNamed() {
    assertFails("a,b\r1,2\r3,4\r", line: 1, expected: "LF", found: "CR alone")
    for text in ["a;b;y\n1;7;-17,5\n", "1;7;-17,5\n2;3;-3,75\n"] {
      assertFails(text, line: 1, expected: "commas", found: "semicolons")
    }
    assertFails("a\tb\n1\t2\n", line: 1, expected: "commas", found: "tabs")
  }

  func testWhatCannotBeSeenIsShown() {
    for (space, shown) in [("\u{A0}", "<U+00A0>"), ("\u{200B}", "<U+200B>"), ("\u{1}", "<U+0001>")]
    {
      assertFails(
        "a,b\n1,2\n3\(space),4\n", line: 3, column: 1, name: "a", expected: "number",
        found: "\"3\(shown)\"")
    }
  }

  /// A locale that writes a comma for the point, made here.
  func testTheLocaleDoesNotMatter() throws {
    let folder = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["localedef", "-i", "de_DE", "-f", "UTF-8", folder.path + "/de_DE.UTF-8"]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let before = String(cString: setlocale(LC_ALL, nil))
    setenv("LOCPATH", folder.path, 1)
    defer {
      setlocale(LC_ALL, before)
      unsetenv("LOCPATH")
    }
    guard setlocale(LC_ALL, "de_DE.UTF-8") != nil, strtod("0,5", nil) == 0.5 else {
      throw XCTSkip("localedef can make no German locale here")
    }
    XCTAssertEqual(
      try read("0.12345678901234572\n-1.5\n1e-400\n").values.elements,
      [0.12345678901234572, -1.5, 0])
  }

  func testPartsMakeTheWhole() throws {
    for text in [
      "a,b\n1,2\n3,4\n5,6\n", "1,2\n3,4\n5,6", "\u{FEFF}\n\na,b\r\n1,2\r\n\r\n3,4\r\n5,6\r\n\r\n",
      "a long name,another long name\n1,2\n3,4\n5,6\n",
      "1,2\n3,4\n123456789.000000000,0.0000000006",
    ] {
      let whole = try read(text)
      for count in 1...40 {
        let parts = try (0..<count).map { try NumericTable(csv: path, part: $0, of: count) }
        XCTAssertEqual(parts.flatMap { $0.values.elements }, whole.values.elements)
        XCTAssertEqual(parts.reduce(0) { $0 + $1.lineCount }, whole.lineCount)
        XCTAssertTrue(parts.allSatisfy { $0.columnNames == whole.columnNames })
      }
    }
  }

  func testLinesOfPartsAreCountedFromTheirFirst() throws {
    for mark in ["", "\u{FEFF}"] {
      let text = mark + "\na,b\n1,2\n\n3,4\n5,x\n7,8\n"
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      for count in 1...30 {
        var linesBefore = 0
        var failure: DataError?
        for part in 0..<count {
          do {
            linesBefore += try NumericTable(csv: path, part: part, of: count).lineCount
          } catch let error as DataError {
            failure = error.shifted(byLines: linesBefore)
            break
          }
        }
        XCTAssertEqual(failure?.line, 6, "\(count) parts")
        XCTAssertEqual(failure?.column, 2)
      }
    }
  }
}
