import AllReduceNN
import XCTest

/// A rule of one's own: steps of one length along the sign of a gradient, which it remembers.
private struct SignDescent: UpdateRule {
  var stateNames: [String] { ["last"] }
  var weightDecay: Double { 0.1 }

  func update<Scalar: NetworkScalar>(
    weights: UnsafeMutablePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    state: StateVectors<Scalar>, count: Int, step: OptimizerStep
  ) {
    let (rate, decay) = (Scalar(step.learningRate), Scalar(step.decays ? weightDecay : 0))
    for index in 0..<count {
      state[0][index] = gradient[index] * Scalar(step.gradientScale)
      weights[index] -= rate * ((state[0][index] < 0 ? -1 : 1) + decay * weights[index])
    }
  }
}

final class OptimizerTests: XCTestCase {
  /// Parameters of which every second does not decay, with memory of their own.
  private struct Memory<Scalar: NetworkScalar> {
    let layout: ParameterLayout<Scalar>
    let weights: TensorMemory<Scalar>
    let gradients: TensorMemory<Scalar>

    init(_ sizes: [Int] = [100, 7, 64, 3, 40, 16]) {
      layout = ParameterLayout(
        sizes.enumerated().map { number, size in
          Parameter(
            "\(number)", shape: [size], initialization: .constant(0), decays: number % 2 == 0)
        }, reserved: 5)
      weights = TensorMemory(count: layout.count)
      gradients = TensorMemory(count: layout.count)
      let random = Philox(seed: 8)
      for elements in layout.ranges {
        for index in elements {
          weights.values[index] = Scalar(random.gaussian(at: UInt64(index)))
          gradients.values[index] = Scalar(random.gaussian(at: UInt64(index), stream: 1))
        }
      }
    }

    var all: Range<Int> { layout.reserved..<layout.count }

    func update(_ update: Optimizer<Scalar>, _ piece: Range<Int>, _ step: OptimizerStep) {
      update.update(
        piece, weights: weights.values.baseAddress! + piece.lowerBound,
        gradient: gradients.values.baseAddress! + piece.lowerBound, step)
    }
  }

  private let optimizers: [any UpdateRule] = [
    SGD(weightDecay: 0.1), Momentum(), Momentum(nesterov: true, weightDecay: 0.1), Adagrad(),
    Adam(weightDecay: 0.1), Adam.decoupled(), LARS(weightDecay: 0.1),
    SignDescent(),
  ]

  private func step(_ number: Int) -> OptimizerStep {
    OptimizerStep(number: number, learningRate: 0.1, gradientScale: 0.5)
  }

  func testARuleOfOnesOwn() {
    let memory = Memory<Double>([4, 3])
    let before = Array(memory.weights.values)
    let optimizer = Optimizer(SignDescent(), layout: memory.layout)
    memory.update(optimizer, memory.all, step(1))
    XCTAssertEqual(optimizer.state.map(\.name), ["last"])
    for (elements, parameter) in zip(memory.layout.ranges, memory.layout.parameters) {
      let decay = parameter.decays ? 0.1 : 0
      for index in elements {
        let gradient = memory.gradients.values[index]
        XCTAssertEqual(
          memory.weights.values[index],
          before[index] - 0.1 * ((gradient < 0 ? -1 : 1) + decay * before[index]), accuracy: 1e-15)
        XCTAssertEqual(
          optimizer.state[0].values[index - optimizer.range.lowerBound], 0.5 * gradient)
      }
    }
  }

  func testPiecesAndPartsGiveTheBitsOfTheWhole() {
    for optimizer in optimizers {
      let (whole, parts) = (Memory<Float>(), Memory<Float>())
      let update = Optimizer(optimizer, layout: whole.layout)
      // Three ranks' parts, that begin and end within parameters, each in pieces of 17, last first.
      let cuts = [whole.all.lowerBound, 99, 180, whole.all.upperBound]
      let updates = (0..<3).map {
        Optimizer(optimizer, layout: parts.layout, range: cuts[$0]..<cuts[$0 + 1])
      }
      for number in 1...3 {
        whole.update(update, whole.all, step(number))
        for part in updates {
          for start in stride(from: part.range.lowerBound, to: part.range.upperBound, by: 17)
            .reversed()
          {
            parts.update(part, start..<min(start + 17, part.range.upperBound), step(number))
          }
        }
      }
      XCTAssertEqual(Array(whole.weights.values), Array(parts.weights.values), "\(optimizer)")
      for (vector, state) in update.state.enumerated() {
        XCTAssertEqual(
          Array(state.values), updates.flatMap { Array($0.state[vector].values) }, state.name)
      }
      withExtendedLifetime(Memory<Float>()) { fresh in
        XCTAssertNotEqual(Array(whole.weights.values), Array(fresh.weights.values))
      }
    }
  }

  func testOnlyWhatDecaysDecays() {
    let (plain, decayed) = (Memory<Double>(), Memory<Double>())
    plain.update(Optimizer(SGD(), layout: plain.layout), plain.all, step(1))
    decayed.update(
      Optimizer(SGD(weightDecay: 0.5), layout: decayed.layout), decayed.all, step(1))
    for (parameter, elements) in zip(plain.layout.parameters, plain.layout.ranges) {
      XCTAssertEqual(
        Array(plain.weights.values[elements]) == Array(decayed.weights.values[elements]),
        !parameter.decays, parameter.name)
    }
  }

  func testGapsAndWhatLiesInFrontStayAsTheyAre() {
    for optimizer in optimizers {
      let memory = Memory<Float>()
      for index in 0..<memory.layout.reserved {
        memory.weights.values[index] = 3
        memory.gradients.values[index] = 3
      }
      let used = Set(memory.layout.ranges.flatMap { $0 })
      memory.update(Optimizer(optimizer, layout: memory.layout), memory.all, step(1))
      for index in 0..<memory.layout.count where !used.contains(index) {
        XCTAssertEqual(memory.weights.values[index], index < memory.layout.reserved ? 3 : 0)
      }
    }
  }

  func testLARSFollowsTheNormsOfEachParameter() {
    let optimizer = LARS(momentum: 0, trust: 0.01, weightDecay: 0.1)
    let (before, after) = (Memory<Double>(), Memory<Double>())
    let update = Optimizer(optimizer, layout: after.layout)
    // The sums come in two parts, as from two ranks.
    var squares = [Double](repeating: 0, count: update.squareCount)
    for piece in [after.all.lowerBound..<100, 100..<after.all.upperBound] {
      squares.withUnsafeMutableBufferPointer {
        update.addSquares(
          of: piece, weights: after.weights.values.baseAddress! + piece.lowerBound,
          gradient: after.gradients.values.baseAddress! + piece.lowerBound, to: $0)
      }
    }
    squares.withUnsafeBufferPointer { update.useNorms($0, gradientScale: 0.5) }
    after.update(update, after.all, step(1))
    for (parameter, elements) in zip(before.layout.parameters, before.layout.ranges) {
      let (w, g) = (before.weights.values[elements], before.gradients.values[elements])
      func norm(_ values: Slice<UnsafeMutableBufferPointer<Double>>) -> Double {
        values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      }
      let decay = parameter.decays ? 0.1 : 0
      let factor =
        parameter.decays ? 0.01 * norm(w) / (0.5 * norm(g) + decay * norm(w)) : 1
      for index in elements {
        XCTAssertEqual(
          after.weights.values[index],
          w[index] - 0.1 * factor * (0.5 * g[index] + decay * w[index]), accuracy: 1e-12,
          parameter.name)
      }
    }
  }

  func testSquaresOfGradientsLeaveOutGapsAndAddUp() {
    let memory = Memory<Float>()
    let update = Optimizer(SGD(), layout: memory.layout)
    memory.gradients.values[0] = 100
    let gradients = UnsafePointer(memory.gradients.values.baseAddress!)
    let expected = memory.layout.ranges.joined().reduce(0.0) {
      $0 + Double(gradients[$1]) * Double(gradients[$1])
    }
    XCTAssertEqual(
      update.gradientSquares(of: memory.all, gradients + memory.all.lowerBound), expected,
      accuracy: 1e-10)
    XCTAssertEqual(
      update.gradientSquares(of: memory.all.lowerBound..<90, gradients + memory.all.lowerBound)
        + update.gradientSquares(of: 90..<memory.all.upperBound, gradients + 90), expected,
      accuracy: 1e-10)
  }
}
