import AllReduceNN
import XCTest

/// Rows of a table as examples.
final class TableDatasetTests: XCTestCase {
  private func read(_ text: String, target: String = "kind") throws -> TrainingData {
    let folder = try TemporaryFolder()
    let path = try folder.write("table.csv", Array(text.utf8))
    return try TrainingData(csv: path, target: target, testShare: 0.25, seed: 3)
  }

  private func examples(of data: any Dataset) -> [(input: [Float], label: Int32)] {
    var labels = [Int32](repeating: -1, count: data.count)
    let inputs = Tensor<Float>(shape: data.exampleShape.batch(of: data.count))
    labels.withUnsafeMutableBufferPointer {
      data.fill(Array(0..<data.count), inputs: inputs, labels: $0)
    }
    let width = data.exampleShape.count
    return labels.enumerated().map { row, label in
      (Array(inputs.elements[row * width..<(row + 1) * width]), label)
    }
  }

  func testRowsAreExamplesAndEachIsInOneSet() throws {
    // The class is 2 for rows from 8 on, else 0; the input grows with the row.
    let rows = (0..<16).map { "\($0),\($0 < 8 ? 0 : 2),\(100 - $0)" }
    let data = try read("a,kind,b\n" + rows.joined(separator: "\n"))
    XCTAssertEqual(data.training.count, 12)
    XCTAssertEqual(data.test.count, 4)
    XCTAssertEqual(data.training.exampleShape, [2])
    XCTAssertEqual(data.training.classCount, 3)
    let all = examples(of: data.training) + examples(of: data.test)
    let ordered = all.sorted { $0.input[0] < $1.input[0] }
    XCTAssertEqual(
      ordered.map(\.label), [Int32](repeating: 0, count: 8) + [Int32](repeating: 2, count: 8))
    for (row, next) in zip(ordered, ordered.dropFirst()) {
      XCTAssertGreaterThan(next.input[0], row.input[0])
      XCTAssertLessThan(next.input[1], row.input[1])
    }
    let learned = examples(of: data.training)
    for column in 0..<2 {
      let mean = learned.reduce(0) { $0 + Double($1.input[column]) } / 12
      let square = learned.reduce(0) { $0 + Double($1.input[column] * $1.input[column]) } / 12
      XCTAssertEqual(mean, 0, accuracy: 1e-6)
      XCTAssertEqual(square, 1, accuracy: 1e-5)
    }
  }

  func testAColumnThatNeverChangesStaysFinite() throws {
    let data = try read("a,kind\n5,0\n5,1\n5,0\n5,1")
    XCTAssertTrue(examples(of: data.training).allSatisfy { $0.input == [0] })
  }

  func testWhatIsNoClassIsNamed() {
    for value in ["1.5", "0.5", "1e-3"] {
      XCTAssertThrowsError(try read("a,kind\n1,0\n2,\(value)\n3,1")) {
        XCTAssertTrue("\($0)".contains("line 3"), "\($0)")
        XCTAssertTrue("\($0)".contains("kind"), "\($0)")
      }
    }
    XCTAssertThrowsError(try read("a,kind\n1,0"))
    XCTAssertThrowsError(try read("a,b\n1,0\n2,1"))
  }
}
