import AllReduce
import Foundation

/// Finds the examples that the command line asks for.
enum DataSource {
  /// Examples made up unless `--data-limit` says otherwise.
  private static let syntheticCount = 10_000

  static func load(_ options: ClassifierOptions) throws -> ClassificationData {
    let fashion = ClassificationData.fashionMNISTDirectory
    let name =
      options.data ?? (ClassificationData.hasIDX(directory: fashion) ? fashion : "digits")
    var data =
      switch name {
      case "digits": try ClassificationData(digits: digitsFile)
      case "synthetic": synthetic(options)
      default: try ClassificationData(idx: name)
      }
    if let limit = options.dataLimit, limit < data.training.count {
      data = try ClassificationData(
        training: FirstExamples(of: data.training, count: limit), test: data.test)
    }
    return data
  }

  private static func synthetic(_ options: ClassifierOptions) -> ClassificationData {
    let count = options.dataLimit ?? syntheticCount
    return .synthetic(count: count, testCount: max(count / 10, 1), seed: options.seed)
  }

  /// The digits that travel with the project, seen from where the program stands or is started.
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

/// The first examples of a data set.
struct FirstExamples: Dataset {
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
