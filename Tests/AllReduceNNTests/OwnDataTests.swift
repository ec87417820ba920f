import AllReduceNN
import XCTest

/// Tables and arrays of a user's own as examples.
final class OwnDataTests: XCTestCase {
  private let folder = try! TemporaryFolder()

  private func write(_ name: String, _ text: String) throws -> String {
    try folder.write(name, Array(text.utf8))
  }

  private func table(
    _ text: String, _ choice: ColumnChoice
  ) throws -> ExampleTable<Double> {
    try ExampleTable<Double>(csv: write("table.csv", text), choice)
  }

  private func batch<Scalar: NetworkScalar>(
    of data: any Dataset, as type: Scalar.Type = Scalar.self
  ) -> Batch<Scalar> {
    BatchSlot<Scalar>().make(data, Array(0..<data.count), globalCount: data.count)
  }

  func testClassesMayBeWordsInAnyOrderOfRows() throws {
    let rows = ["1,b,2", "2,a,3", "3,\"c\",4", "4, b ,5", "5,a,6", "6,b,7"]
    for rows in [rows, rows.reversed()] {
      let data = try TrainingData(
        csv: write("words.csv", "x,kind,y\n" + rows.joined(separator: "\n")), target: "kind",
        testShare: 0.34)
      XCTAssertEqual(data.format?.classes, ["a", "b", "c"])
      XCTAssertEqual(data.format?.columns, ["x", "y"])
      XCTAssertEqual(data.training.classCount, 3)
      XCTAssertEqual(data.training.count + data.test.count, 6)
      for set in [data.training, data.test] {
        let batch: Batch<Float> = batch(of: set)
        let scaling = try XCTUnwrap(data.format?.inputs)
        for (row, label) in batch.labels.enumerated() {
          let x = scaling.unscaled(Double(batch.inputs[2 * row]), column: 0)
          let number = Int(x.rounded())
          XCTAssertEqual(label, [1, 0, 2, 1, 0, 1][number - 1], "row \(number)")
        }
      }
    }
  }

  func testAColumnOfWordsNeedsNoHeader() throws {
    let read = try table("1,2,b\n3,4,a\n", ColumnChoice(target: "3"))
    guard case .classes(let labels, let names) = read.targets else { return XCTFail("no classes") }
    XCTAssertEqual(labels, [1, 0])
    XCTAssertEqual(names, ["a", "b"])
    XCTAssertTrue(read.notes.contains { $0.contains("no header") }, "\(read.notes)")
  }

  func testNumbersOfClassesStayAndOthersAreNames() throws {
    for (column, labels, names) in [
      (["0", "2", "1"], [0, 2, 1], nil), (["0.0", "1.0", "0"], [0, 1, 0], nil),
      (["-1", "1", "-1.0"], [0, 1, 0], ["-1", "1"]),
      (["10", "9", "x"], [0, 1, 2], nil as [String]?),
    ] as [([String], [Int32], [String]?)] {
      let read = try table(
        "a,kind\n" + column.map { "1,\($0)" }.joined(separator: "\n"), ColumnChoice(target: "kind"))
      guard case .classes(let found, let foundNames) = read.targets else {
        return XCTFail("no classes")
      }
      if column.contains("x") {
        XCTAssertEqual(foundNames, ["9", "10", "x"])
        XCTAssertEqual(found, [1, 0, 2])
      } else {
        XCTAssertEqual(found, labels, "\(column)")
        XCTAssertEqual(foundNames, names, "\(column)")
      }
    }
  }

  func testIndexColumnsArePassedOver() throws {
    for (text, isIndex) in [
      (",a,kind\n0,5,1\n1,6,0\n2,8,0", true), ("\"\",\"a\",\"kind\"\n\"1\",5,1\n\"2\",6,0", true),
      ("\"\",\"a\",\"kind\"\n\"Mazda\",5,1\n\"Volvo\",6,0", true),
      ("Unnamed: 0,a,kind\n0,5,1\n1,6,0", true), (",a,kind\n0.5,5,1\n1,6,0", false),
      (",a,kind\n7,5,1\n8,6,0", false),
    ] {
      let read = try table(text, ColumnChoice(target: "kind"))
      XCTAssertEqual(read.shape, isIndex ? [1] : [2], text)
      XCTAssertEqual(read.notes.contains { $0.contains("index") }, isIndex, "\(read.notes)")
    }
    // One name less than fields, as R's write.table has it.
    XCTAssertThrowsError(
      try table("\"a\",\"kind\"\n\"1\",5,1\n\"2\",6,0", ColumnChoice(target: "kind"))
    ) { XCTAssertTrue("\($0)".contains("write.csv"), "\($0)") }
  }

  func testWhatIsWrongIsNamed() throws {
    for (text, parts) in [
      ("a,b,kind\n1,2,0\n1,nan,1\n1,2,0", ["line 3", "column 2 (b)", "\"nan\""]),
      ("a,b,kind\n1,2,0\n1,,1", ["line 3", "column 2 (b)", "nothing"]),
      ("a,b,kind\n1,2,0\n1,red,1", ["line 3", "column 2 (b)", "\"red\""]),
      ("a,b,kind\n1,2,0\n1,2,", ["line 3", "column 3 (kind)", "a class", "nothing"]),
      ("a,b,kind\n1,2,0\n1,2", ["line 3", "3", "found 2"]),
      ("a,b,kind\n1,2,0.5\n1,2,1", ["line 2", "kind", "0.5", "meanSquaredError"]),
      ("a,b,kind\n", ["only a header"]), ("kind\n1\n0\n", ["one input or more"]),
    ] {
      XCTAssertThrowsError(try table(text, ColumnChoice(target: "kind"))) { error in
        for part in ["table.csv"] + parts {
          XCTAssertTrue("\(error)".contains(part), "\(part) in \(error)")
        }
      }
    }
  }

  func testNumbersArePredictedInStandardUnits() throws {
    let rows = (0..<40).map { "\(1e9 + Double($0)),\($0 % 3),\(500 + 20 * $0)" }
    let path = try write("numbers.csv", "time,b,price\n" + rows.joined(separator: "\n"))
    for data in [
      try TrainingData(csv: path, target: "price", predictsNumbers: true),
      try TrainingData(csv: path, target: "3", predictsNumbers: true, as: Double.self),
    ] {
      XCTAssertEqual(data.training.targetShape, [1])
      XCTAssertEqual(data.training.classCount, 0)
      let batch: Batch<Double> = batch(of: data.training)
      guard case .values(let values) = batch.targets else { return XCTFail("no numbers") }
      let (mean, square) = values.elements.reduce((0, 0)) { ($0.0 + $1, $0.1 + $1 * $1) }
      XCTAssertEqual(mean / 32, 0, accuracy: 1e-6)
      XCTAssertEqual(square / 32, 1, accuracy: 1e-5)
      let format = try XCTUnwrap(data.format)
      for row in 0..<32 {
        // A second in a billion is not lost: what the first row has is taken off before numbers are rounded.
        let time = try XCTUnwrap(format.inputs).unscaled(batch.inputs[2 * row], column: 0) - 1e9
        let price = try XCTUnwrap(format.targets).unscaled(values[row], column: 0)
        XCTAssertEqual(price, 500 + 20 * time, accuracy: 1e-3)
      }
    }
  }

  func testATestFileIsReadLikeTheTraining() throws {
    let path = try write("train.csv", "a,b,kind\n1,10,x\n3,30,y\n5,50,x\n")
    let test = try write("test.csv", "kind,more,b,a\ny,0,30,3\n")
    let data = try TrainingData(csv: path, target: "kind", test: test)
    XCTAssertEqual([data.training.count, data.test.count], [3, 1])
    let batch: Batch<Float> = batch(of: data.test)
    XCTAssertEqual(batch.inputs.elements, [0, 0])
    XCTAssertEqual(batch.labels, [1])
    let other = try write("other.csv", "a,b,kind\n1,2,z\n")
    XCTAssertThrowsError(try TrainingData(csv: path, target: "kind", test: other)) {
      for part in ["line 2", "learned: x, y", "\"z\""] {
        XCTAssertTrue("\($0)".contains(part), "\(part) in \($0)")
      }
    }
  }

  func testPredictionsFindTheirColumnsByName() throws {
    let format = ExampleFormat(
      columns: ["a", "b"], target: "kind", inputs: Scaling(means: [1, 2], deviations: [1, 2]))
    let choice = ColumnChoice(target: nil, like: format)
    for text in ["b,kind,a\n4,x,2\n", "a,b\n2,4\n", "2,4\n"] {
      XCTAssertEqual(try table(text, choice).inputs, [1, 1], text)
    }
    XCTAssertThrowsError(try table("a,c\n1,2\n", choice)) {
      XCTAssertTrue("\($0)".contains("column b"), "\($0)")
    }
    XCTAssertThrowsError(try table("1,2,3\n", choice))
  }

  func testArraysInMemory() throws {
    let inputs = Tensor((0..<20).map { Float($0) }, shape: [10, 2])
    let classes = (0..<10).map { Int32($0 % 3) }
    let data = try TrainingData(inputs, .classes(classes), testShare: 0.2, seed: 2)
    XCTAssertEqual([data.training.count, data.test.count, data.training.classCount], [8, 2, 3])
    let batch: Batch<Float> = batch(of: data.training)
    for row in 0..<8 {
      let number = Int(batch.inputs[2 * row]) / 2
      XCTAssertEqual(batch.labels[row], classes[number])
    }
    let numbers = try TrainingData(
      Tensor((0..<8).map { Double($0) / 3 }, shape: [4, 2]),
      .values(Tensor([1, 2, 3, 4], shape: [4, 1])), testShare: 0.25)
    let wide: Batch<Double> = self.batch(of: numbers.training)
    guard case .values(let values) = wide.targets else { return XCTFail("no numbers") }
    for row in 0..<3 { XCTAssertEqual(wide.inputs[2 * row], (values[row] - 1) * 2 / 3) }
    XCTAssertThrowsError(try TrainingData(inputs, .classes([-1] + classes.dropFirst())))
  }

  func testPairsOfNPYFilesOfAnyType() throws {
    let inputs = "\(folder.path)/x.npy"
    let targets = "\(folder.path)/y.npy"
    try NPYArray(sizes: [4, 2], elements: [1, 2, 3, 4, 5, 6, 7, 8] as [Int32]).write(npy: inputs)
    try NPYArray(sizes: [4], elements: [0, 1, 1, 0] as [Int64]).write(npy: targets)
    let data = try TrainingData(npy: inputs, targets: targets, testShare: 0.25)
    XCTAssertEqual(data.training.exampleShape, [2])
    XCTAssertEqual(data.format?.inputs?.means.count, 2)
    let images = "\(folder.path)/images.npy"
    try NPYArray(sizes: [4, 2, 1, 1], elements: [0, 51, 102, 153, 204, 255, 0, 51] as [UInt8])
      .write(npy: images)
    let pixels = try TrainingData(npy: images, targets: targets, testShare: 0.25)
    XCTAssertEqual(pixels.training.exampleShape, [2, 1, 1])
    let all = [pixels.training, pixels.test].flatMap { set -> [Float] in
      let batch: Batch<Float> = batch(of: set)
      return batch.inputs.elements
    }
    XCTAssertEqual(Set(all), Set([0, 0.2, 0.4, 0.6, 0.8, 1]))
    try NPYArray(sizes: [2, 2], elements: [1, 2, .nan, 4] as [Float]).write(npy: inputs)
    try NPYArray(sizes: [2], elements: [0, 1] as [Int32]).write(npy: targets)
    XCTAssertThrowsError(try TrainingData(npy: inputs, targets: targets, testShare: 0.5)) {
      XCTAssertTrue("\($0)".contains("nan in row 1, column 0"), "\($0)")
    }
  }

  func testInputsMayStayOnTheDisk() throws {
    let (inputs, targets) = ("\(folder.path)/x.npy", "\(folder.path)/y.npy")
    let numbers = (0..<60).map { Float(1000 + $0 * $0 % 17) }
    try NPYArray(sizes: [20, 3], elements: numbers).write(npy: inputs)
    try NPYArray(sizes: [20], elements: (0..<20).map { Int32($0 % 3) }).write(npy: targets)
    for predictsNumbers in [false, true] {
      func read(_ fromDisk: Bool) throws -> TrainingData {
        try TrainingData(
          npy: inputs, targets: targets, predictsNumbers: predictsNumbers, testShare: 0.25, seed: 4,
          fromDisk: fromDisk)
      }
      let (memory, disk) = (try read(false), try read(true))
      XCTAssertTrue(disk.training is MappedDataset)
      for (a, b) in [(memory.training, disk.training), (memory.test, disk.test)] {
        let (a, b): (Batch<Float>, Batch<Float>) = (batch(of: a), batch(of: b))
        XCTAssertEqual(a.labels, b.labels)
        for (x, y) in zip(a.inputs.elements, b.inputs.elements) {
          XCTAssertEqual(x, y, accuracy: 1e-5)
        }
        if case .values(let x) = a.targets, case .values(let y) = b.targets {
          XCTAssertEqual(x.elements, y.elements)
        } else {
          XCTAssertFalse(predictsNumbers)
        }
      }
    }
    try NPYArray(sizes: [20, 3], elements: numbers.dropLast() + [.infinity]).write(npy: inputs)
    XCTAssertThrowsError(
      try TrainingData(npy: inputs, targets: targets, fromDisk: true)
    ) { XCTAssertTrue("\($0)".contains("inf in row 19, column 2"), "\($0)") }
  }

  func testColumnsOfFortranAreTurnedIntoRows() throws {
    // numpy.save of numpy.asfortranarray([[1, 2, 3], [4, 5, 6]]), float64.
    var text = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }"
    text += String(repeating: " ", count: 117 - text.utf8.count) + "\n"
    let numbers: [Double] = [1, 4, 2, 5, 3, 6]
    let path = try folder.write(
      "fortran.npy",
      [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(text.utf8)
        + numbers.withUnsafeBytes { Array($0) })
    XCTAssertEqual(try NumberArray<Float>(npy: path).elements, [1, 2, 3, 4, 5, 6])
  }

  func testArraysOfNPZFilesStoredAndDeflated() throws {
    // numpy.savez and numpy.savez_compressed (x=float32 [[1, 2], [3, 4], [5, 6]], y=int64 [0, 1, 0]).
    for (name, text) in NPZFixtures.all {
      let path = try folder.write("\(name).npz", bytes(base64: text))
      let file = try NPZFile(path: path)
      XCTAssertEqual(file.names, ["x", "y"])
      let x: NumberArray<Double> = try file.array("x")
      XCTAssertEqual(x.elements, [1, 2, 3, 4, 5, 6])
      XCTAssertEqual(x.sizes, [3, 2])
      let read = try ExampleTable<Float>(npz: path, ColumnChoice(target: "y"))
      guard case .classes(let labels, _) = read.targets else { return XCTFail("no classes") }
      XCTAssertEqual(labels, [0, 1, 0])
      XCTAssertThrowsError(try file.array("z", as: Float.self)) {
        XCTAssertTrue("\($0)".contains("only x, y"), "\($0)")
      }
      // Every truncation is an error, and none a crash.
      let whole = bytes(base64: text)
      for length in stride(from: 0, to: whole.count - 1, by: 7) {
        let cut = try folder.write("cut.npz", Array(whole[..<length]))
        XCTAssertThrowsError(try NPZFile(path: cut), "\(length) bytes of \(name)")
      }
    }
  }
}
