import Foundation

/// The json of train-classifier.
struct ClassifierOutput: ProgramOutput {
  static var program: String { "train-classifier" }

  let ranks: Int
  let hosts: Int
  let model: String
  let parameters: Int
  let strategy: String
  let update: String
  let algorithm: String
  let compression: String
  let epochs: Int
  let steps: Int
  let globalBatchSize: Int
  let imagesPerSecond: Double?
  let stepSeconds: Double?
  let trainLoss: [Double]
  let testAccuracy: [Double]
  let seconds: Double
  let computeSeconds: Double
  let exchangeSeconds: Double
  let hiddenSeconds: Double
  let waitSeconds: Double
  let updateSeconds: Double
  let networkBytesSent: [Int]?
  let agreementBytesSent: [Int]
  let memoryBytesExchanged: [Int]?
  let peakResidentBytes: [Int]
  let proportionalBytes: [Int]?
  let parametersPerRank: [Int]
  let exchanges: [Exchange]
  let resumedAtStep: Int?
  let exchangeEvery: Int?
  let outerSteps: Int?
  let computeUtilisation: Double?
  let differenceCosine: Double?
  let stopped: Bool
  let goodput: Goodput
  let weightsChecksum: String

  struct Goodput: Decodable {
    let usefulSeconds: Double
    let repeatedSeconds: Double
    let savingSeconds: Double
    let waitingSeconds: Double
    let restartingSeconds: Double
    let goodput: Double?
  }

  struct Exchange: Decodable {
    let layer: String
    let kind: String
    let bytes: Int?
  }
}

/// A line of metrics.jsonl.
struct MetricsLine: Decodable {
  let step: Int
  let epoch: Int
  let seconds: Double
  let loss: Double?
  let testAccuracy: Double?

  /// Reads a file of them.
  static func all(in path: String) throws -> [MetricsLine] {
    let decoder = JSONDecoder.ofPrograms
    return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try decoder.decode(MetricsLine.self, from: Data($0.utf8))
    }
  }
}
