import AllReduceNN
import XCTest

final class IDXTests: XCTestCase {
  private var folder: TemporaryFolder!

  override func setUpWithError() throws { folder = try TemporaryFolder() }

  private func idx(_ sizes: [Int], _ elements: [UInt8], type: UInt8 = 8) -> [UInt8] {
    let heads = sizes.flatMap { size in
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) }
    }
    return [0, 0, type, UInt8(sizes.count)] + heads + elements
  }

  private let images: [UInt8] = Array(0..<12)

  /// Three images of 2 x 2 for training, two for testing; `changing` replaces or removes files.
  private func read(_ changing: [String: [UInt8]?] = [:]) throws -> TrainingData {
    var files: [String: [UInt8]?] = [
      "train-images-idx3-ubyte": idx([3, 2, 2], images),
      "train-labels-idx1-ubyte": idx([3], [9, 0, 5]),
      "t10k-images-idx3-ubyte": idx([2, 2, 2], [0, 0, 0, 255, 255, 255, 255, 0]),
      "t10k-labels-idx1-ubyte": idx([2], [1, 2]),
    ]
    files.merge(changing) { $1 }
    folder = try TemporaryFolder()
    for case (let name, let bytes?) in files { try folder.write(name, bytes) }
    return try TrainingData(idx: folder.path)
  }

  private func fill(_ data: any Dataset, _ examples: [Int]) -> ([Float], [Int32]) {
    let inputs = Tensor<Float>(
      repeating: -1, shape: data.exampleShape.batch(of: examples.count))
    let labels = TensorMemory<Int32>(count: examples.count)
    data.fill(examples, inputs: inputs, labels: labels.values)
    return (inputs.elements, Array(labels.values))
  }

  private func assertFails(
    _ file: String, _ bytes: [UInt8]?, expected: String, found: String, at line: UInt = #line
  ) {
    XCTAssertThrowsError(try read([file: bytes]), line: line) { error in
      assertDataError("\(folder.path)/\(file)", expected: expected, found: found, at: line) {
        throw error
      }
    }
  }

  func testBytesBecomeInputsWhenABatchIsMade() throws {
    let data = try read()
    XCTAssertEqual(data.training.count, 3)
    XCTAssertEqual(data.test.count, 2)
    XCTAssertEqual(data.training.exampleShape, [2, 2, 1])
    XCTAssertEqual(data.training.classCount, 10)
    let (inputs, labels) = fill(data.training, [2, 0, 2])
    let expected = [8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11].map { Float($0) / 255 }
    for (input, value) in zip(inputs, expected) {
      XCTAssertEqual(input, value, accuracy: 1e-8)
    }
    XCTAssertEqual(inputs.count, 12)
    XCTAssertEqual(labels, [5, 9, 5])
    XCTAssertEqual(fill(data.test, [1, 0]).0, [1, 1, 1, 0, 0, 0, 0, 1])
    XCTAssertTrue(fill(data.test, []).0.isEmpty)
  }

  func testMeanAndDeviation() throws {
    let data = try XCTUnwrap(try read().test as? ImageDataset)
    let (inputs, _) = fill(data.normalized(mean: 0.25, deviation: 0.5), [0])
    XCTAssertEqual(inputs, [-0.5, -0.5, -0.5, 1.5])
  }

  func testThereAreAsManyClassesAsTheLabelsNeed() throws {
    // As letters are numbered, from 1 to 26.
    let data = try read(["t10k-labels-idx1-ubyte": idx([2], [1, 26])])
    XCTAssertEqual(data.training.classCount, 27)
    XCTAssertEqual(data.test.classCount, 27)
  }

  func testNamesWithAPoint() throws {
    let names = ["train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte"]
    var changed: [String: [UInt8]?] = [:]
    for (name, bytes) in zip(
      names, [idx([3, 2, 2], images), idx([3], [9, 0, 5]), idx([2, 2, 2], Array(0..<8))])
    {
      changed[name] = bytes
      changed[name.replacingOccurrences(of: ".", with: "-")] = [UInt8]?.none
    }
    XCTAssertEqual(try read(changed).training.count, 3)
    XCTAssertTrue(TrainingData.hasIDX(directory: folder.path))
  }

  func testFilesPackedByGzip() throws {
    // `gzip` wrote the first; the second in two members, which is one file after another.
    for text in [
      "H4sIAAAAAAACA2Ng4GBmYGAAYSYwZmRiZmFlY+fg5OIGAGNEb8YcAAAA",
      "H4sIAAAAAAACA2Ng4GBmYGAAYgAH18EDCgAAAB+LCAAAAAAAAgNjYGJgYGBiYGRiZmFlY+fg5OIGAMvl3joSAAAA",
    ] {
      let packed = bytes(base64: text)
      let data = try read([
        "train-images-idx3-ubyte": nil, "train-images-idx3-ubyte.gz": packed,
      ])
      XCTAssertEqual(fill(data.training, [0, 1, 2]).0, fill(try read().training, [0, 1, 2]).0)
    }
  }

  func testDamagedGzip() throws {
    let packed = bytes(base64: "H4sIAAAAAAACA2Ng4GBmYGAAYSYwZmRiZmFlY+fg5OIGAGNEb8YcAAAA")
    for length in [10, 20, packed.count - 8, packed.count - 1] {
      let changed: [String: [UInt8]?] = [
        "train-images-idx3-ubyte": nil,
        "train-images-idx3-ubyte.gz": Array(packed.prefix(length)),
      ]
      XCTAssertThrowsError(try read(changed)) { error in
        assertDataError(
          "\(folder.path)/train-images-idx3-ubyte.gz", expected: "gzip",
          found: "its end after \(length) of \(length) bytes"
        ) { throw error }
      }
    }
    var flipped = packed
    flipped[25] ^= 0x10
    assertFails(
      "train-images-idx3-ubyte", flipped, expected: "gzip", found: "of \(packed.count) bytes")
  }

  func testWhatStandsBehindThePackedData() throws {
    let packed = bytes(base64: "H4sIAAAAAAACA2Ng4GBmYGAAYSYwZmRiZmFlY+fg5OIGAGNEb8YcAAAA")
    let name = "train-images-idx3-ubyte"
    XCTAssertEqual(try read([name: packed + [0, 0, 0]]).training.count, 3)
    assertFails(
      name, packed + [7, 0], expected: "nothing but what gzip packed", found: "2 bytes")
    for rest: [UInt8] in [[7, 0], [0x1F, 0x8B]] {
      XCTAssertThrowsError(try read([name: packed + rest])) { error in
        let advice = rest[0] == 7 ? "head -c -2" : "head -c \(packed.count)"
        XCTAssertTrue("\(error)".contains(advice), "\(error)")
      }
    }
    let twice = bytes(
      base64:
        "H4sIAAAAAAAC/5Pv5mAAAab/omcPCh5Q4HC5aL21RsaxM8rvkuuu889Ozd5/x2aPmI5NmLY3m90tLWmX48Vb8iZz"
        + "37+ktHJaqrj7wSm6XXq3WKxO8EnrT/x1cqLrhYuTDILW/3vHfIRXw7ESaDIAhBqfJ2IAAAA=")
    assertFails(name, twice, expected: "once", found: "packed twice")
  }

  func testFilesThatAreNotIDX() {
    let name = "train-images-idx3-ubyte"
    assertFails(name, Array("PNG not".utf8), expected: "00 00 08 03", found: "50 4e 47 20")
    assertFails(name, [], expected: "00 00 08 03", found: "an empty file")
    assertFails(name, [0, 0, 8], expected: "00 00 08 03", found: "00 00 08")
    assertFails(
      name, idx([3, 2, 2], images, type: 13), expected: "unsigned bytes", found: "type 0d")
    assertFails(name, idx([3], [1, 2, 3]), expected: "3 dimensions", found: "1")
    assertFails(
      "t10k-labels-idx1-ubyte", idx([2, 2, 2], images), expected: "1 dimension", found: "3")
  }

  func testTruncatedFiles() {
    let whole = idx([3, 2, 2], images)
    let name = "train-images-idx3-ubyte"
    assertFails(name, Array(whole.dropLast()), expected: "12 bytes", found: "11")
    assertFails(name, whole + [0], expected: "3 x 2 x 2", found: "13")
    XCTAssertThrowsError(try read([name: whole + [0]])) { error in
      XCTAssertTrue("\(error)".contains("head -c 28"), "\(error)")
    }
    assertFails(name, Array(whole.prefix(15)), expected: "16 bytes", found: "15")
    let large = 0xFFFF_FFFF
    assertFails(
      name, idx([large, large, large], images), expected: "\(large) x \(large)", found: "12")
  }

  func testImagesAndLabelsThatDoNotFit() {
    assertFails("train-labels-idx1-ubyte", idx([2], [1, 2]), expected: "images, 3", found: "2")
    XCTAssertNoThrow(try read())
    assertDataError(
      "\(folder.path)/train-labels-idx1-ubyte", expected: "0 to 1", found: "9 for example 0"
    ) { _ = try TrainingData(idx: folder.path, classCount: 2) }
    assertFails(
      "t10k-images-idx3-ubyte", idx([2, 1, 3], Array(0..<6)), expected: "[2, 2, 1]",
      found: "[1, 3, 1]")
  }

  func testMissingFiles() {
    let name = "t10k-labels-idx1-ubyte"
    XCTAssertThrowsError(try read([name: nil])) { error in
      assertDataError(
        folder.path, expected: "\(name) or \(name).gz", found: "neither"
      ) { throw error }
    }
    XCTAssertTrue(TrainingData.hasIDX(directory: folder.path))
    XCTAssertFalse(TrainingData.hasIDX(directory: folder.path + "/none"))
  }
}
