import AllReduceNN
import CKernels
import TestSupport
import XCTest

/// Every rule against its formula, written out in Double, over several steps.
final class UpdateRuleTests: XCTestCase {
  /// One weight with what is remembered of it.
  private struct Weight {
    var value: Double
    var first = 0.0
    var second = 0.0
  }

  private let count = 37
  private let scale = 0.25

  private func start(_ index: Int) -> Double { Double((index * 7) % 11) * 0.3 - 1.5 }

  private func gradient(_ index: Int, _ step: Int) -> Double {
    Double((index * 5 + step * 3) % 13) * 0.5 - 2.75
  }

  private func rate(_ step: Int) -> Double { 0.125 / Double(step) }

  /// Runs a rule and a formula of a weight, its gradient (scaled), the step and the rate.
  private func check<Scalar: NetworkScalar>(
    _ type: Scalar.Type, _ rule: any UpdateRule, decays: Bool = true, rateFactor: Double = 1,
    accuracy: Double, at line: UInt = #line,
    _ formula: (inout Weight, _ g: Double, _ step: Int, _ rate: Double) -> Void
  ) {
    var expected = (0..<count).map { Weight(value: start($0)) }
    let weights = TensorMemory<Scalar>(count: count)
    let gradients = TensorMemory<Scalar>(count: count)
    let state = TensorMemory<Scalar>(count: 2 * count)
    for index in 0..<count { weights.values[index] = Scalar(start(index)) }
    for step in 1...5 {
      for index in 0..<count { gradients.values[index] = Scalar(gradient(index, step)) }
      rule.update(
        weights: weights.values.baseAddress!, gradient: gradients.values.baseAddress!,
        state: StateVectors(first: state.values.baseAddress!, distance: count), count: count,
        step: OptimizerStep(
          number: step, learningRate: rate(step), gradientScale: scale, decays: decays,
          rateFactor: rateFactor))
      for index in 0..<count {
        formula(&expected[index], scale * gradient(index, step), step, rate(step))
        XCTAssertEqual(
          Double(weights.values[index]), expected[index].value, accuracy: accuracy,
          "step \(step), element \(index)", line: line)
        // What is remembered counts too: checkpoints hold it.
        let remembered = [expected[index].first, expected[index].second]
        for (vector, value) in remembered.prefix(rule.vectorCount).enumerated() {
          XCTAssertEqual(
            Double(state.values[vector * count + index]), value, accuracy: accuracy,
            "\(rule.stateNames[vector])", line: line)
        }
      }
    }
  }

  private func checkAll<Scalar: NetworkScalar>(_ type: Scalar.Type, accuracy: Double) {
    check(type, SGD(), accuracy: accuracy) { w, g, _, rate in w.value -= rate * g }
    check(type, SGD(weightDecay: 0.1), accuracy: accuracy) { w, g, _, rate in
      w.value -= rate * (g + 0.1 * w.value)
    }
    check(type, SGD(weightDecay: 0.1), decays: false, accuracy: accuracy) { w, g, _, rate in
      w.value -= rate * g
    }
    check(type, Momentum(0.9, weightDecay: 0.1), accuracy: accuracy) { w, g, _, rate in
      w.first = 0.9 * w.first + g + 0.1 * w.value
      w.value -= rate * w.first
    }
    check(type, Momentum(0.8, nesterov: true), accuracy: accuracy) { w, g, _, rate in
      w.first = 0.8 * w.first + g
      w.value -= rate * (g + 0.8 * w.first)
    }
    check(type, Adagrad(epsilon: 1e-3, weightDecay: 0.1), accuracy: accuracy) { w, g, _, rate in
      let d = g + 0.1 * w.value
      w.first += d * d
      w.value -= rate * d / (w.first.squareRoot() + 1e-3)
    }
    func adam(_ w: inout Weight, _ d: Double, _ step: Int, _ rate: Double) {
      w.first = 0.9 * w.first + 0.1 * d
      w.second = 0.99 * w.second + 0.01 * d * d
      let mean = w.first / (1 - pow(0.9, Double(step)))
      let square = w.second / (1 - pow(0.99, Double(step)))
      w.value -= rate * mean / (square.squareRoot() + 1e-3)
    }
    check(
      type, Adam(betas: (0.9, 0.99), epsilon: 1e-3, weightDecay: 0.1), accuracy: accuracy
    ) { w, g, step, rate in adam(&w, g + 0.1 * w.value, step, rate) }
    check(
      type, Adam(betas: (0.9, 0.99), epsilon: 1e-3, weightDecay: 0.1, decoupled: true),
      accuracy: accuracy
    ) { w, g, step, rate in
      w.value *= 1 - rate * 0.1
      adam(&w, g, step, rate)
    }
    check(
      type, Adam(betas: (0.9, 0.99), epsilon: 1e-3, weightDecay: 0.1, decoupled: true),
      decays: false, accuracy: accuracy
    ) { w, g, step, rate in adam(&w, g, step, rate) }
    check(
      type, LARS(momentum: 0.9, weightDecay: 0.1), rateFactor: 0.5, accuracy: accuracy
    ) { w, g, _, rate in
      w.first = 0.9 * w.first + 0.5 * rate * (g + 0.1 * w.value)
      w.value -= w.first
    }
  }

  func testFormulasInFloat() { checkAll(Float.self, accuracy: 2e-6) }

  func testFormulasInDouble() { checkAll(Double.self, accuracy: 1e-13) }

  func testLevelsGiveEqualBits() {
    checkLevels(Float.self)
    checkLevels(Double.self)
  }

  private func checkLevels<Scalar: NetworkScalar>(_ type: Scalar.Type) {
    let random = Philox(seed: 4)
    // Lengths around those of vectors and their multiples, and one of many.
    for count in Array(0...70) + [1_003] {
      func numbers(_ stream: UInt64, positive: Bool = false) -> Tensor<Scalar> {
        let numbers = (0..<count).map { Scalar(random.gaussian(at: UInt64($0), stream: stream)) }
        return Tensor(positive ? numbers.map { abs($0) } : numbers, shape: [count])
      }
      for rule in OptimizerKernel.Rule.allCases {
        var numbersOfStep = OptimizerKernel.Coefficients(scale: 0.3, rate: 0.01)
        numbersOfStep.decay = 0.1
        numbersOfStep.shrink = 0.999
        (numbersOfStep.keep, numbersOfStep.gain) = (0.9, 0.1)
        (numbersOfStep.secondKeep, numbersOfStep.secondGain) = (0.99, 0.01)
        (numbersOfStep.root, numbersOfStep.epsilon) = (1.3, 1e-8)
        let results = ProcessorLevel.available.map { level -> [[Scalar]] in
          let kernel = OptimizerKernel(type, level)
          let (w, g) = (numbers(0), numbers(3))
          let first = numbers(1, positive: rule == .adagrad)
          let second = numbers(2, positive: true)
          kernel.update(
            rule, weights: w.base, gradient: g.base, first: first.base, second: second.base,
            count: count, numbersOfStep)
          // The same past the caches, from any place within a line.
          for start in 0...min(count, 17) {
            let (streamed, again) = (numbers(0), numbers(1, positive: rule == .adagrad))
            let squares = numbers(2, positive: true)
            var numbersOfStep = numbersOfStep
            for (from, to) in [(0, start), (start, count)] {
              numbersOfStep.streams = from > 0 || start == 0
              kernel.update(
                rule, weights: streamed.base + from, gradient: g.base + from,
                first: again.base + from, second: squares.base + from, count: to - from,
                numbersOfStep)
            }
            XCTAssertEqual(streamed.elements, w.elements, "\(rule) of \(count) from \(start)")
            XCTAssertEqual(again.elements, first.elements, "\(rule) of \(count) from \(start)")
          }
          let squares = Scalar(kernel.sumOfSquares(g.base, count: count))
          return [w.elements, first.elements, second.elements, [squares]]
        }
        for result in results {
          XCTAssertEqual(result, results[0], "\(rule) of \(count) \(type)")
          XCTAssertTrue(count == 0 || result[0] != numbers(0).elements, "\(rule) moved nothing")
        }
      }
    }
  }

  func testSumsOfSquares() {
    for count in [0, 1, 31, 32, 33, 100] {
      let values = (0..<count).map { Float($0) }
      XCTAssertEqual(
        OptimizerKernel.of(Float.self).sumOfSquares(values, count: count),
        values.reduce(0) { $0 + Double($1) * Double($1) })
    }
    // In Float the squares would be infinite.
    XCTAssertEqual(
      OptimizerKernel.of(Float.self).sumOfSquares([1e30, 1e30] as [Float], count: 2), 2e60,
      accuracy: 1e54)
  }
}
