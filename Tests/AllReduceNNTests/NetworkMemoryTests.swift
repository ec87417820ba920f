import AllReduceNN
import XCTest

/// Where a network's numbers lie.
final class NetworkMemoryTests: XCTestCase {
  private func network(takesMemory: Bool) throws -> Network<Float> {
    try Network(
      Sequential(Dense(5, 3), ReLU(), Dense(3, 2)), input: [5], seed: 7, takesMemory: takesMemory)
  }

  private func bind(_ network: Network<Float>, to memory: TensorMemory<Float>, adopting: Bool) {
    let count = network.layout.count
    network.bind(
      values: UnsafeMutableBufferPointer(rebasing: memory.values[0..<count]),
      gradients: UnsafeMutableBufferPointer(rebasing: memory.values[count...]), owner: memory,
      adopting: adopting)
  }

  func testANetworkWithoutMemoryDrawsTheSameValuesWhereItIsBound() throws {
    let early = try network(takesMemory: true)
    XCTAssertTrue(early.hasMemory)
    let late = try network(takesMemory: false)
    XCTAssertFalse(late.hasMemory)
    XCTAssertEqual(late.values.count, 0)
    XCTAssertEqual(late.parameterCount, early.parameterCount)
    let memory = TensorMemory<Float>(count: 2 * late.layout.count)
    bind(late, to: memory, adopting: false)
    XCTAssertEqual(late.values.baseAddress, memory.values.baseAddress)
    XCTAssertEqual(Array(late.values), Array(early.values))
    XCTAssertTrue(late.values.contains { $0 != 0 })
    let input = Tensor<Float>([1, 2, 3, 4, 5], shape: [1, 5])
    XCTAssertEqual(try late.forward(input).elements, try early.forward(input).elements)
  }

  func testValuesMoveOrAreAdopted() throws {
    for takesMemory in [true, false] {
      let network = try network(takesMemory: takesMemory)
      let (adopted, moved) = (
        TensorMemory<Float>(count: 2 * network.layout.count),
        TensorMemory<Float>(count: 2 * network.layout.count)
      )
      adopted.values.update(repeating: 3)
      bind(network, to: adopted, adopting: true)
      XCTAssertTrue(network.parameters.allSatisfy { $0.values.elements.allSatisfy { $0 == 3 } })
      bind(network, to: moved, adopting: false)
      XCTAssertEqual(
        Array(moved.values[..<network.layout.count]),
        Array(adopted.values[..<network.layout.count]))
      XCTAssertEqual(network.values.baseAddress, moved.values.baseAddress)
    }
  }
}
