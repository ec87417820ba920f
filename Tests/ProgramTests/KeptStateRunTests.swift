import Foundation
import TestSupport
import XCTest

/// Runs that go on from the states of version 0.1.
final class KeptStateRunTests: KeptRunTestCase {
  func testEachGoesOnAsItsOwnVersionDid() throws {
    for state in KeptState.all {
      let kept = "\(folder)/\(state.name)"
      try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
      try FileManager.default.copyItem(atPath: state.path, toPath: kept + "/checkpoint.safetensors")
      let output = try ClassifierOutput.of(
        KeptState.allOptions + state.options
          + ["--epochs", "2", "--resume", "--checkpoint", kept], ranks: state.ranks)
      XCTAssertEqual(output.resumedAtStep, 4, state.name)
      XCTAssertEqual(output.trainLoss.count, 2, state.name)
      XCTAssertEqual(output.trainLoss.last ?? 0, state.nextLoss, accuracy: 1e-5, state.name)
    }
  }
}
