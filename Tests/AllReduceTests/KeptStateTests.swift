import AllReduce
import AllReduceNN
import ExampleSupport
import TestSupport
import XCTest

/// Networks that take over the weights of version 0.1's states.
final class KeptStateTests: XCTestCase {
  func testEachGivesTheWeightsThatItsOwnVersionHad() throws {
    for state in KeptState.all {
      let network: Network<Float> = try NetworkWords(KeptState.layers).network(
        for: [8, 8, 1], seed: 9)
      try network.load(weights: state.path)
      XCTAssertEqual(Checksum.of(network), state.weightsChecksum, state.name)
      let norm = network.root.allBuffers
      XCTAssertEqual(norm.map(\.name), ["1.runningMean", "1.runningVariance"])
      XCTAssertEqual(norm.flatMap { Array($0.tensor.values) }, state.statistics, state.name)
    }
  }
}
