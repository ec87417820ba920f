import AllReduce
import AllReduceMPI
import XCTest

/// Steps whose gradient is computed twice.
final class ReplayTests: CollectiveTestCase {
  /// Damages its own gradient once, as a faulty processor does.
  private final class DamagedLoss: Loss {
    var damagesIn: Int?
    private var calls = 0

    func evaluate(
      _ output: Tensor<Double>, _ targets: Targets<Double>, gradient: Tensor<Double>?
    ) throws -> BatchScore {
      let score = try SoftmaxCrossEntropy().evaluate(output, targets, gradient: gradient)
      guard let gradient else { return score }
      calls += 1
      if calls == damagesIn, gradient.count > 0 {
        gradient.base.pointee = Double(bitPattern: gradient.base.pointee.bitPattern ^ 1)
      }
      return score
    }
  }

  private func trainer(
    _ plan: Plan, _ loss: any Loss<Double>, norm: any Layer<Double> = BatchNorm(2)
  ) throws -> Trainer<Double> {
    try Trainer(
      Sequential(
        Conv2D(inputChannels: 1, outputChannels: 2, kernel: Size2D(3)), norm, ReLU(), Flatten(),
        Dropout(0.3), Dense(32, 24), ReLU(), Dense(24, 5)),
      input: [6, 6, 1], plan: plan, over: world(), optimizer: Momentum(), loss: loss, seed: 3)
  }

  private func part(_ number: Int, _ world: Communicator) -> Trainer<Double>.Part {
    let random = Philox(seed: 11)
    let own = (0..<4).map { (number * world.size + world.rank) * 4 + $0 }
    let inputs = own.flatMap { example in
      (0..<36).map { random.gaussian(at: UInt64(example * 36 + $0)) }
    }
    return (
      Tensor(inputs, shape: [4, 6, 6, 1]), .classes(own.map { Int32($0 % 5) }), own
    )
  }

  func testAReplayChangesNothing() throws {
    let world = try world()
    let plans: [(String, Plan)] = [
      ("replicated", Plan(layers: .data, update: .replicated)), ("data", .dataParallel),
      ("sharded", Plan(layers: .data, update: .sharded)), ("at once", .hybrid(.atOnce)),
      ("in turns", .hybrid(.scatterInTurn)),
    ]
    for (name, plan) in plans {
      let (one, two) = (
        try trainer(plan, SoftmaxCrossEntropy()), try trainer(plan, SoftmaxCrossEntropy())
      )
      for step in 0..<4 {
        let parts = step % 2 + 1
        func part(_ number: Int) -> Trainer<Double>.Part { self.part(2 * step + number, world) }
        if step > 0 { try two.replay(parts: parts, part) }
        let total = try one.step(parts: parts, learningRate: 0.1, part)
        XCTAssertEqual(try two.step(parts: parts, learningRate: 0.1, part), total, name)
        XCTAssertEqual(try one.checksum(), try two.checksum(), "\(name), step \(step)")
      }
      for (a, b) in zip(one.network.root.allBuffers, two.network.root.allBuffers) {
        XCTAssertEqual(a.tensor.elements, b.tensor.elements, name)
      }
    }
  }

  func testARankThatComputesWronglyIsNamed() throws {
    let world = try world()
    for plan in [Plan(layers: .data, update: .replicated), .dataParallel] {
      let loss = DamagedLoss()
      // Batch norm would take the damage to the other ranks.
      let trainer = try trainer(plan, loss, norm: Tanh())
      _ = try trainer.step(parts: 1, learningRate: 0.1) { part($0, world) }
      if world.rank == world.size - 1 { loss.damagesIn = 3 }
      XCTAssertThrowsError(try trainer.replay(parts: 1) { _ in part(1, world) }) {
        XCTAssertTrue(
          "\($0)".contains("rank \(world.size - 1) did not get the same gradient of "), "\($0)")
      }
      try trainer.replay(parts: 1) { _ in part(2, world) }
    }
  }
}
