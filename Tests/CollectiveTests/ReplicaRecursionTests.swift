import AllReduce
import AllReduceMPI
import XCTest

/// Two weights whose gradients never change, so that every value can be computed by a recursion, which is here.
final class ReplicaRecursionTests: CollectiveTestCase {
  /// The loss is the output times the target: its gradient is the target, whatever the weights are.
  private struct Slope: Loss {
    func evaluate(
      _ output: Tensor<Double>, _ targets: Targets<Double>, gradient: Tensor<Double>?
    ) throws -> BatchScore {
      guard case .values(let values) = targets else { preconditionFailure("slopes are values") }
      if let gradient { _ = gradient.values.update(fromContentsOf: values.values) }
      let loss = zip(output.values, values.values).reduce(0) { $0 + $1.0 * $1.1 }
      return BatchScore(examples: output.rows, loss: loss)
    }
  }

  private static let innerRate = 0.125

  /// The examples of a rank in each step: others on each.
  private func count(_ rank: Int) -> Int { rank + 1 }

  /// The gradients of a rank's mean loss: of the bias and of the weight, which lie so in memory.
  private func gradient(_ rank: Int) -> [Double] {
    let slope = 1 + 0.5 * Double(rank)
    return [slope, slope * input(rank)]
  }

  private func input(_ rank: Int) -> Double { rank % 2 == 0 ? -0.75 : 0.5 + Double(rank) }

  /// The rules as the papers state them: which values each replica and the global weights have after each step.
  ///
  /// - Returns: The global bias and weight after each step.
  private func recursion(_ meeting: Meeting, every: Int, size: Int, steps: Int) -> [[Double]] {
    let isNesterov = meeting.outerRule == .nesterov
    let (rate, momentum) = (
      meeting.outerLearningRate ?? (isNesterov ? 0.7 : 1),
      isNesterov ? meeting.outerMomentum ?? 0.9 : 0
    )
    let turn = every / meeting.fragments
    var global = [0.0, 1.0]
    var velocity = [0.0, 0.0]
    var own = [[Double]](repeating: global, count: size)
    var travelling = [0.0, 0.0]
    let examples = (1...size).reduce(0, +)
    return (1...steps).map { step in
      for rank in 0..<size {
        for index in 0..<2 {
          own[rank][index] -= ReplicaRecursionTests.innerRate * gradient(rank)[index]
        }
      }
      for index in 0..<2 {
        // With one fragment both, else one each.
        let fragment = meeting.fragments == 1 ? 0 : index
        func isItsTurn(_ due: Int) -> Bool {
          due > 0 && due % turn == 0 && (due / turn - 1) % meeting.fragments == fragment
        }
        func send() {
          travelling[index] = (0..<size).reduce(0) { sum, rank in
            sum + Double(count(rank)) / Double(examples) * (global[index] - own[rank][index])
          }
        }
        func arrive() {
          velocity[index] = momentum * velocity[index] + travelling[index]
          global[index] -= rate * (travelling[index] + momentum * velocity[index])
          for rank in 0..<size {
            own[rank][index] = (1 - meeting.mix) * global[index] + meeting.mix * own[rank][index]
          }
        }
        if meeting.overlapSteps == 0 {
          if isItsTurn(step) {
            send()
            arrive()
          }
        } else {
          // The first start would be before any step where the overlap is a whole turn.
          if isItsTurn(step), step > meeting.overlapSteps { arrive() }
          if isItsTurn(step + meeting.overlapSteps) { send() }
        }
      }
      return global
    }
  }

  private func check(_ meeting: Meeting, every: Int, line: UInt = #line) throws {
    let world = try world()
    let trainer = try Trainer(
      Dense<Double>(inputs: 1, outputs: 1, initialization: .constant(1)), input: [1],
      plan: Plan(layers: .data, meeting: meeting), over: world, optimizer: SGD(), loss: Slope())
    let rank = world.rank
    let inputs = Tensor(
      [Double](repeating: input(rank), count: count(rank)), shape: [count(rank), 1])
    let slopes = Tensor(
      [Double](repeating: gradient(rank)[0], count: count(rank)), shape: [count(rank), 1])
    let expected = recursion(meeting, every: every, size: world.size, steps: 26)
    for (number, values) in expected.enumerated() {
      _ = try trainer.step(
        inputs, .values(slopes), learningRate: ReplicaRecursionTests.innerRate)
      let found = try trainer.wholeParameters()
      assertClose(
        [found[1].values[0], found[0].values[0]], values, 1e-12,
        "\(meeting) after step \(number + 1)", line: line)
      // The same bits on all ranks.
      _ = try trainer.checksum()
    }
  }

  func testLocalSGD() throws {
    try check(Meeting(every: 1), every: 1)
    try check(Meeting(every: 4), every: 4)
  }

  func testDiLoCo() throws {
    var meeting = Meeting(every: 4)
    meeting.outerRule = .nesterov
    try check(meeting, every: 4)
    (meeting.outerLearningRate, meeting.outerMomentum) = (0.375, 0.5)
    try check(meeting, every: 4)
  }

  func testStreaming() throws {
    for (every, fragments, overlap, mix) in [
      (4, 2, 0, 0.0), (4, 1, 2, 0.0), (8, 2, 1, 0.5), (8, 2, 3, 0.25), (6, 2, 3, 0), (4, 1, 4, 0.5),
    ] {
      var meeting = Meeting(every: .steps(every))
      meeting.outerRule = .nesterov
      (meeting.fragments, meeting.overlapSteps, meeting.mix) = (fragments, overlap, mix)
      try check(meeting, every: every)
    }
  }
}
