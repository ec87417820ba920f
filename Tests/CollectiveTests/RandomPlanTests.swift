import AllReduce
import AllReduceMPI
import Foundation
import XCTest

/// Random networks under random plans against the whole network on one rank: losses, weights, running averages,
/// evaluation.
///
/// `ALLREDUCE_RANDOM_PLANS` says how many are tried, `ALLREDUCE_RANDOM_SEED` which comes first; a failure names
/// its seed, and the network and the plan.
final class RandomPlanTests: CollectiveTestCase {
  private static let steps = 5

  /// A part of a batch.
  private struct Examples {
    let inputs: Tensor<Double>
    let labels: [Int32]
    let values: Tensor<Double>
    let numbers: [Int]

    init(_ rows: Range<Int>, step: Int, _ item: RandomPlan) {
      let random = Philox(seed: 17 + UInt64(step))
      func numbers(_ shape: Shape, stream: UInt64) -> Tensor<Double> {
        Tensor(
          rows.flatMap { row in
            (0..<shape.count).map { random.gaussian(at: UInt64(row * 1024 + $0), stream: stream) }
          }, shape: shape.batch(of: rows.count))
      }
      inputs = numbers(item.input, stream: 0)
      values = numbers([item.classes], stream: 1)
      labels = rows.map {
        Int32(random.block(at: UInt64($0), stream: 2).x % UInt32(item.classes))
      }
      self.numbers = rows.map { $0 + 100 * step }
    }
  }

  private func rule(_ number: Int) -> any UpdateRule {
    switch number {
    case 0: SGD(weightDecay: 0.01)
    case 1: Momentum(0.9)
    // A bias in front of batch norm has no gradient but rounding, which a smaller epsilon would make steps of.
    case 2: Adam(epsilon: 1e-3)
    default: LARS()
    }
  }

  private func loss(_ item: RandomPlan) -> any Loss<Double> {
    item.usesClasses
      ? SoftmaxCrossEntropy(labelSmoothing: item.smoothing) : MeanSquaredError<Double>()
  }

  private func evaluate(
    _ item: RandomPlan, _ output: Tensor<Double>, _ part: Examples, _ gradient: Tensor<Double>?
  ) throws -> BatchScore {
    guard item.usesClasses else {
      return try loss(item).evaluate(output, .values(part.values), gradient: gradient)
    }
    return try loss(item).evaluate(output, .classes(part.labels), gradient: gradient)
  }

  /// The rows of each part that a rank has, of those of the whole.
  private func rows(_ item: RandomPlan, _ part: Int, _ index: Int, of count: Int) -> Range<Int> {
    let whole = BlockPartition(count: item.rows, parts: item.parts)[part]
    let own = BlockPartition(count: whole.count, parts: count)[index]
    return whole.lowerBound + own.lowerBound..<whole.lowerBound + own.upperBound
  }

  /// Trains both; says what differs first.
  private func difference(_ item: RandomPlan, seed: UInt64, _ world: Communicator) throws -> String?
  {
    let rate = item.rule == 2 ? 0.01 : item.rule == 3 ? 0.1 : 0.02
    let reference = try Network(item.root(), input: item.input, seed: seed)
    let update = Optimizer<Double>(rule(item.rule), layout: reference.layout)
    // The weights are small: half of the trainers take steps within products all the same.
    let leastBytes = seed % 2 == 0 ? 0 : WeightStepLimit.leastBytes
    let trainer = try WeightStepLimit.$leastBytes.withValue(leastBytes) {
      try Trainer(
        item.root(), input: item.input, plan: item.plan, over: world, optimizer: rule(item.rule),
        loss: loss(item), clipping: item.clipping, seed: seed)
    }
    func differs(_ a: Double, _ b: Double) -> Bool {
      !(abs(a - b) <= 1e-9 * max(1, abs(b)))
    }
    for step in 0..<RandomPlanTests.steps {
      reference.pass.isTraining = true
      reference.pass.step = UInt64(step)
      var expected = BatchScore()
      for part in 0..<item.parts {
        let all = Examples(rows(item, part, 0, of: 1), step: step, item)
        reference.pass.examples = all.numbers
        reference.pass.accumulatesGradients = part > 0
        let output = try reference.forward(all.inputs)
        let gradient = Tensor<Double>(shape: output.shape)
        expected += try evaluate(item, output, all, gradient)
        try reference.backward(gradient)
      }
      var move = OptimizerStep(
        number: step + 1, learningRate: rate, gradientScale: expected.gradientScale)
      if let clipping = item.clipping {
        let squares = reference.gradients.reduce(0) { $0 + $1 * $1 }
        move.gradientScale =
          clipping.scale(sumOfSquares: squares, gradientScale: move.gradientScale) ?? 0
      }
      update.update(reference, move)

      let share = trainer.share
      let parts = (0..<item.parts).map {
        Examples(rows(item, $0, share.index, of: share.count), step: step, item)
      }
      let total = try trainer.step(parts: item.parts, learningRate: rate) { number in
        let part = parts[number]
        return (
          part.inputs, item.usesClasses ? .classes(part.labels) : .values(part.values),
          part.numbers
        )
      }
      // What diverges on one rank does so on all.
      if !expected.loss.isFinite { return total.loss.isFinite ? "step \(step): \(total)" : nil }
      if total.examples != expected.examples || total.correct != expected.correct
        || differs(total.loss, expected.loss)
      {
        return "step \(step): \(total), not \(expected)"
      }
    }
    for (parameter, found) in zip(reference.parameters, try trainer.wholeParameters()) {
      if found.name != parameter.name { return "\(found.name) is called \(parameter.name)" }
      for (index, value) in parameter.values.values.enumerated()
      where differs(found.values[index], value) {
        return "\(found.name)[\(index)] is \(found.values[index]), not \(value)"
      }
    }
    let found = trainer.state
    for buffer in reference.root.allBuffers {
      guard let state = found.first(where: { $0.name == buffer.name }) else {
        return "the state has no \(buffer.name)"
      }
      for (piece, values) in state.parts {
        for (place, value) in values.enumerated()
        where differs(value, buffer.tensor[piece.first + place]) {
          return "\(buffer.name)[\(piece.first + place)] is \(value)"
        }
      }
    }
    reference.pass.isTraining = false
    let all = Examples(0..<item.rows, step: 99, item)
    let expected = try evaluate(item, reference.forward(all.inputs), all, nil)
    let share = trainer.share
    let own = BlockPartition(count: item.rows, parts: share.count)[share.index]
    let part = Examples(own, step: 99, item)
    let score = try trainer.score(
      part.inputs, item.usesClasses ? .classes(part.labels) : .values(part.values))
    if score.correct != expected.correct || differs(score.loss, expected.loss) {
      return "evaluation: \(score), not \(expected)"
    }
    _ = try trainer.checksum()
    return nil
  }

  func testAnyPlanTrainsAsOneRankDoes() throws {
    let world = try world()
    let environment = ProcessInfo.processInfo.environment
    let count = environment["ALLREDUCE_RANDOM_PLANS"].flatMap(Int.init) ?? 20
    let first = environment["ALLREDUCE_RANDOM_SEED"].flatMap { UInt64($0) } ?? 1
    for seed in first..<first + UInt64(count) {
      let item = RandomPlan(seed: seed, ranks: world.size)
      let difference: String?
      do {
        difference = try self.difference(item, seed: seed, world)
      } catch {
        difference = "\(error)"
      }
      // A rank that differs says so; the others continue.
      guard let difference else { continue }
      let table = try? item.plan.table(for: item.root(), input: item.input, ranks: world.size)
      XCTFail(
        "seed \(seed), \(world.size) ranks, \(item.parts) parts, rule \(item.rule): \(difference)\n"
          + (table ?? "no table"))
    }
  }
}
