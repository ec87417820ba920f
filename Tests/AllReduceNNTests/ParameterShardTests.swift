import AllReduceNN
import XCTest

/// Parts of parameters and masks against the whole ones.
final class ParameterShardTests: XCTestCase {
  /// A layer that is nothing but a parameter.
  private final class Holder: Layer {
    let held: Parameter<Float>
    init(_ held: Parameter<Float>) { self.held = held }
    var summary: String { "Holder" }
    var parameters: [Parameter<Float>] { [held] }
    func outputShape(for input: Shape) -> Shape { input }
    func forward(_ input: Tensor<Float>, _ pass: Pass<Float>) -> Tensor<Float> { input }
    func backward(
      _ gradient: Tensor<Float>, _ pass: Pass<Float>, needsInputGradient: Bool
    ) -> Tensor<Float>? { gradient }
  }

  func testAPartBeginsAsTheWholeDoesThere() throws {
    let shape: Shape = [5, 4, 3]
    let whole = Parameter<Float>(
      "weight", shape: shape, initialization: .he(fanIn: 12), decays: true)
    let network = try Network(Holder(whole), input: [1], seed: 8)
    for dimension in 0..<3 {
      for range in [0..<shape[dimension], 1..<3, 2..<2] {
        let shard = ParameterShard(of: shape, dimension: dimension, range: range)
        XCTAssertEqual(shard.shape[dimension], range.count)
        for source in [nil, whole.values] {
          let part = Parameter<Float>(
            "weight", shard: shard, initialization: .he(fanIn: 12), source: source, decays: true)
          let own = try Network(Holder(part), input: [1], seed: source == nil ? 8 : 9)
          var expected: [Float] = []
          for a in 0..<5 {
            for b in 0..<4 {
              for c in 0..<3 where range.contains([a, b, c][dimension]) {
                expected.append(whole.values[(a * 4 + b) * 3 + c])
              }
            }
          }
          XCTAssertEqual(part.values.elements, expected, "dimension \(dimension), \(range)")
          XCTAssertEqual(part.wholeShape, shape)
          _ = own
        }
      }
    }
    _ = network
  }

  func testDropoutOfSomeElementsDropsThoseOfTheWhole() {
    let width = 300
    let pass = Pass<Float>()
    (pass.seed, pass.step, pass.examples) = (4, 6, [9, 2, 700])
    let ones = Tensor<Float>(repeating: 1, shape: [3, width])
    let whole = Dropout<Float>(0.4).forward(ones, pass)
    for range in [0..<100, 64..<128, 63..<64, 100..<300, 129..<260] {
      let part = Tensor<Float>(repeating: 1, shape: [3, range.count])
      let layer = Dropout<Float>(0.4, firstElement: range.lowerBound)
      let expected = (0..<3).flatMap { row in range.map { whole[row * width + $0] } }
      XCTAssertEqual(layer.forward(part, pass).elements, expected, "\(range)")
      let back = layer.backward(part, pass, needsInputGradient: true)
      XCTAssertEqual(back?.elements, expected, "\(range)")
    }
  }
}
