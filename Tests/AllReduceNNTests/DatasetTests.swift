import AllReduceNN
import Foundation
import XCTest

final class DatasetTests: XCTestCase {
  private func fill(_ data: any Dataset, _ examples: [Int]) -> ([Float], [Int32]) {
    let inputs = Tensor<Float>(shape: data.exampleShape.batch(of: examples.count))
    let labels = TensorMemory<Int32>(count: examples.count)
    data.fill(examples, inputs: inputs, labels: labels.values)
    return (inputs.elements, Array(labels.values))
  }

  func testSyntheticImagesDependOnTheirNumberAlone() {
    let data = SyntheticImages(count: 1_000, shape: [5, 7, 1], classCount: 4, seed: 3)
    let (inputs, labels) = fill(data, Array(100..<200))
    XCTAssertEqual(Set(labels), [0, 1, 2, 3])
    XCTAssertTrue(inputs.allSatisfy { $0 >= 0 && $0 <= 1 })
    let (some, someLabels) = fill(data, [150, 101])
    XCTAssertEqual(some, Array(inputs[50 * 35..<51 * 35] + inputs[35..<70]))
    XCTAssertEqual(someLabels, [labels[50], labels[1]])
    // The same endless row, looked at from another place; another seed is another one.
    let later = SyntheticImages(count: 5, shape: [5, 7, 1], classCount: 4, seed: 3, first: 150)
    XCTAssertEqual(fill(later, [0]).0, Array(some[0..<35]))
    let other = SyntheticImages(count: 200, shape: [5, 7, 1], classCount: 4, seed: 4)
    XCTAssertNotEqual(fill(other, [150]).0, Array(some[0..<35]))
  }

  func testSyntheticClassesCanBeLearnedAndTested() {
    // The mean image of each class, from the training set, tells the classes of the test set.
    let data = TrainingData.synthetic(count: 2_000, testCount: 200)
    let (inputs, labels) = fill(data.training, Array(0..<2_000))
    var means = [[Float]](repeating: Array(repeating: 0, count: 784), count: 10)
    var counts = [Float](repeating: 0, count: 10)
    for example in 0..<2_000 {
      counts[Int(labels[example])] += 1
      for pixel in 0..<784 { means[Int(labels[example])][pixel] += inputs[example * 784 + pixel] }
    }
    for number in 0..<10 { XCTAssertEqual(counts[number], 200, accuracy: 60) }
    let (tests, expected) = fill(data.test, Array(0..<200))
    let right = (0..<200).count { example in
      let distances = (0..<10).map { number in
        (0..<784).reduce(0 as Float) { sum, pixel in
          let difference = tests[example * 784 + pixel] - means[number][pixel] / counts[number]
          return sum + difference * difference
        }
      }
      return distances.firstIndex(of: distances.min()!)! == Int(expected[example])
    }
    XCTAssertGreaterThan(right, 190)
    XCTAssertNotEqual(fill(data.training, [0]).0, fill(data.test, [0]).0)
  }

  private let digits = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("data/digits.csv.gz").path

  func testDigits() throws {
    let data = try TrainingData(digits: digits)
    XCTAssertEqual(data.training.count, 1_500)
    XCTAssertEqual(data.test.count, 297)
    XCTAssertEqual(data.training.exampleShape, [8, 8, 1])
    let (inputs, labels) = fill(data.training, [1, 0])
    XCTAssertEqual(labels, [1, 0])
    XCTAssertEqual(Array(inputs[64..<72]), [0, 0, 5, 13, 9, 1, 0, 0].map { $0 / 16 })
    XCTAssertEqual(Set(fill(data.test, Array(0..<297)).1), Set(0..<10))
  }

  func testDigitsThatAreNone() throws {
    let folder = try TemporaryFolder()
    let line = [String](repeating: "16", count: 64).joined(separator: ",")
    func check(_ lines: [String], expected: String, found: String, at number: UInt = #line) throws {
      let path = try folder.write("digits.csv", Array(lines.joined(separator: "\n").utf8))
      assertDataError(path, expected: expected, found: found, at: number) {
        _ = try TrainingData(digits: path)
      }
    }
    let good = [String](repeating: line + ",9", count: 298)
    try check([line], expected: "65 numbers", found: "64")
    try check(Array(good.dropLast()), expected: "297", found: "297")
    try check([line + ",10"] + good, expected: "from 0 to 9", found: "10")
    try check([line.replacing("16", with: "17") + ",1"] + good, expected: "0 to 16", found: "17")
    try check([line + ",1.5"] + good, expected: "whole number", found: "1.5")
  }

  func testBatchesAreTheSameMadeAheadOrNot() {
    let data = SyntheticImages(count: 50, shape: [3, 3, 1])
    let sampler = EpochSampler(count: 50, globalBatchSize: 16, seed: 5)
    let plain = BatchLoader<Float>(data, sampler, rank: 1, of: 3)
    let ahead = BatchLoader<Float>(data, sampler, rank: 1, of: 3, prefetches: true)
    // In order over the end of an epoch, then back and over a gap.
    for (epoch, step) in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (0, 2), (3, 3), (4, 0)] {
      let (one, other) = (
        plain.batch(epoch: epoch, step: step), ahead.batch(epoch: epoch, step: step)
      )
      XCTAssertEqual(
        one.examples, sampler.examples(epoch: epoch, step: step, rank: 1, of: 3))
      XCTAssertEqual(other.examples, one.examples)
      XCTAssertEqual(one.globalCount, step == 3 ? 2 : 16)
      XCTAssertEqual(other.globalCount, one.globalCount)
      let (inputs, labels) = fill(data, one.examples)
      for batch in [one, other] {
        XCTAssertEqual(batch.inputs.elements, inputs)
        XCTAssertEqual(batch.inputs.shape, [batch.count, 3, 3, 1])
        XCTAssertEqual(batch.labels, labels)
      }
    }
  }

  func testLabelsAreTheBatchsOwn() {
    let data = SyntheticImages(count: 64, shape: [3, 3, 1])
    let loader = BatchLoader<Float>(data, EpochSampler(count: 64, globalBatchSize: 16, seed: 5))
    let kept = loader.batch(epoch: 0, step: 0)
    let labels = kept.labels
    XCTAssertNotEqual(loader.batch(epoch: 0, step: 1).labels, labels)
    XCTAssertEqual(kept.labels, labels)
    // Their memory is used again where no batch is kept.
    func place(_ step: Int) -> UnsafePointer<Int32>? {
      loader.batch(epoch: 1, step: step).labels.withUnsafeBufferPointer { $0.baseAddress }
    }
    XCTAssertEqual(place(0), place(1))
  }

  func testEmptyPartsAndDoubles() {
    let data = SyntheticImages(count: 5, shape: [2, 2, 1])
    let sampler = EpochSampler(count: 5, globalBatchSize: 4)
    let batch = BatchLoader<Double>(data, sampler, rank: 2, of: 3).batch(epoch: 0, step: 1)
    XCTAssertEqual(batch.count, 0)
    XCTAssertEqual(batch.inputs.shape, [0, 2, 2, 1])
    XCTAssertEqual(batch.globalCount, 1)
    let whole = BatchLoader<Double>(data, sampler).batch(epoch: 0, step: 0)
    XCTAssertEqual(whole.inputs.elements, fill(data, whole.examples).0.map { Double($0) })
  }
}
