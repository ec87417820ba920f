import Foundation
import XCTest

/// The json of train-linreg.
struct LinregOutput: ProgramOutput {
  static var program: String { "train-linreg" }

  let ranks: Int
  let examples: Int
  let features: Int
  let algorithm: String
  let algorithmRequested: String
  let combine: String
  let strategy: String
  let epochs: Int
  let seconds: Double
  let theta: [Double]
  let loss: Double
  let r2: Double?
  let serialDifference: Double?
  let exactDifference: Double?
  let rowsPerRank: [Int]

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
