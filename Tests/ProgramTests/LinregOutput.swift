import Foundation
import TestSupport
import XCTest

/// The json of train-linreg.
struct LinregOutput: Decodable {
  let ranks: Int
  let examples: Int
  let features: Int
  let algorithm: String
  let algorithmRequested: String
  let combine: String
  let epochs: Int
  let seconds: Double
  let theta: [Double]
  let loss: Double
  let r2: Double?
  let serialDifference: Double?
  let exactDifference: Double?
  let rowsPerRank: [Int]

  /// Runs train-linreg and reads what it prints, which must be json and nothing else.
  static func of(
    _ arguments: [String], ranks: Int?, line: UInt = #line
  ) throws -> LinregOutput {
    let outcome = try ProgramRunner().run(
      "train-linreg", ["--format", "json"] + arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors, line: line)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(LinregOutput.self, from: Data(outcome.output.utf8))
  }

  /// The largest |a - b| / max(1, |b|) of two thetas.
  func difference(from other: LinregOutput) -> Double {
    XCTAssertEqual(theta.count, other.theta.count)
    return zip(theta, other.theta).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
  }
}

/// The real data of the repository, found from this file.
let diabetes = [
  "--data",
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("data/diabetes.csv").path,
  "--target", "progression",
]

/// Tests of programs, which do not run inside a job.
class ProgramTestCase: XCTestCase {
  override func setUpWithError() throws {
    try XCTSkipIf(ProgramRunner.isInsideJob, "a rank of a job cannot start another job")
  }
}
