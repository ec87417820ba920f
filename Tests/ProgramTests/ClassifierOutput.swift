import Foundation
import TestSupport
import XCTest

/// The json of train-classifier.
struct ClassifierOutput: Decodable {
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
  let networkBytesSent: [Int]
  let memoryBytesExchanged: [Int]
  let peakResidentBytes: [Int]
  let proportionalBytes: [Int]?
  let parametersPerRank: [Int]
  let exchanges: [Exchange]
  let resumedAtStep: Int?
  let weightsChecksum: String

  struct Exchange: Decodable {
    let layer: String
    let kind: String
    let bytes: Int
  }

  /// Runs train-classifier and reads what it prints, which must be json and nothing else.
  static func of(
    _ arguments: [String], ranks: Int?, line: UInt = #line
  ) throws -> ClassifierOutput {
    let outcome = try ProgramRunner().run(
      "train-classifier", ["--format", "json"] + arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors, line: line)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(ClassifierOutput.self, from: Data(outcome.output.utf8))
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
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try decoder.decode(MetricsLine.self, from: Data($0.utf8))
    }
  }
}
