public import AllReduce
import Foundation

extension TrainingData {
  /// Reads the examples that a command line names.
  ///
  /// - Parameters:
  ///   - name: `digits`, `synthetic`, or a directory of IDX files; nil for Fashion-MNIST where it is installed,
  ///     otherwise `digits`.
  ///   - limit: The largest number of training examples, nil for all; `synthetic` generates exactly this number (10,000
  ///     if nil).
  ///   - seed: The seed of synthetic examples.
  /// - Returns: The examples to train on and those to test on.
  /// - Throws: ``DataError``.
  public static func named(_ name: String?, limit: Int?, seed: UInt64) throws -> TrainingData {
    let name =
      name ?? (hasIDX(directory: fashionMNISTDirectory) ? fashionMNISTDirectory : "digits")
    if name == "synthetic" {
      let count = limit ?? 10_000
      return .synthetic(count: count, testCount: max(count / 10, 1), seed: seed)
    }
    let data =
      name == "digits"
      ? try TrainingData(digits: digitsFile) : try TrainingData(idx: name)
    guard let limit, limit < data.training.count else { return data }
    var first = try TrainingData(
      training: FirstExamples(of: data.training, count: limit), test: data.test)
    first.format = data.format
    return first
  }

  /// The path of the digits that come with the project, looked for in the current folder and in the folders above the
  /// program.
  private static var digitsFile: String {
    let file = "data/digits.csv.gz"
    if FileManager.default.fileExists(atPath: file) { return file }
    let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    var folder = program.deletingLastPathComponent()
    while folder.path != "/" {
      let found = folder.appendingPathComponent(file).path
      if FileManager.default.fileExists(atPath: found) { return found }
      folder.deleteLastPathComponent()
    }
    return file
  }
}

/// The first `count` examples of a data set, as a data set.
private struct FirstExamples: Dataset {
  let name: String
  let count: Int
  private let all: any Dataset

  init(of all: any Dataset, count: Int) {
    self.all = all
    self.count = min(count, all.count)
    name = all.name
  }

  var exampleShape: Shape { all.exampleShape }
  var classCount: Int { all.classCount }

  func fill(
    _ examples: [Int], inputs: Tensor<Float>, labels: UnsafeMutableBufferPointer<Int32>
  ) {
    all.fill(examples, inputs: inputs, labels: labels)
  }
}
