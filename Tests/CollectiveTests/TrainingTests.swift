import AllReduce
import Foundation
import XCTest

/// The loop around a trainer's steps.
final class TrainingTests: CollectiveTestCase {
  private func data() throws -> TrainingData {
    try TrainingData(csv: "data/breast_cancer.csv", target: "benign", testShare: 0.2)
  }

  private func training(
    _ world: Communicator, dropout: Double = 0.2
  ) throws -> Training<Float> {
    let trainer = try Trainer(
      Sequential<Float>(Dense(30, 12), ReLU(), Dropout(dropout), Dense(12, 2)), input: [30],
      over: world, optimizer: Momentum(0.9), loss: SoftmaxCrossEntropy())
    let training = Training(trainer, try data(), globalBatchSize: 40)
    training.schedule = .constant(0.02)
    training.stepsPerEpoch = 6
    return training
  }

  /// A folder that all ranks know by the same name and rank 0 removes.
  private func withFolder(_ world: Communicator, _ body: (String) throws -> Void) throws {
    let name = try world.broadcast(
      world.isRoot ? NSTemporaryDirectory() + "training-\(UUID().uuidString)" : "", from: 0)
    try body(name)
    try world.barrier()
    if world.isRoot { try? FileManager.default.removeItem(atPath: name) }
  }

  func testLearnsAndCounts() throws {
    let world = try world()
    let training = try training(world)
    XCTAssertEqual(training.stepCount(epochs: 4), 24)
    try training.run(epochs: 4)
    XCTAssertEqual(training.steps, 24)
    XCTAssertEqual(training.trainLoss.count, 4)
    XCTAssertGreaterThan(training.testAccuracy.last ?? 0, 0.9)
    XCTAssertLessThan(training.trainLoss[3], training.trainLoss[0])
    XCTAssertGreaterThan(training.times.examplesPerSecond ?? 0, 0)
  }

  func testARunThatIsResumedEndsAsOneThatIsNot() throws {
    let world = try world()
    try withFolder(world) { folder in
      let whole = try training(world)
      try whole.run(epochs: 4)
      let first = try training(world)
      first.checkpoints = Checkpoints(folder: folder)
      try first.run(epochs: 2)
      let second = try training(world)
      second.schedule = .constant(1)  // the state's is kept
      second.checkpoints = Checkpoints(folder: folder, resumes: true)
      try second.run(epochs: 4)
      XCTAssertEqual(second.checksum, whole.checksum)
      XCTAssertEqual(second.trainLoss, whole.trainLoss)
      XCTAssertEqual(second.firstStep, 12)
    }
  }

  func testAStateIsOfAMethodAndInItsFolderAlone() throws {
    let world = try world()
    try withFolder(world) { folder in
      let first = try training(world)
      first.checkpoints = Checkpoints(folder: folder)
      try first.run(epochs: 1)
      let again = try training(world)
      again.checkpoints = Checkpoints(folder: folder)
      XCTAssertThrowsError(try again.run(epochs: 1)) {
        XCTAssertTrue("\($0)".contains("keeps the state of another run"), "\($0)")
      }
      let other = try training(world)
      other.trainer.clipping = GradientClipping(maximumNorm: 1)
      other.checkpoints = Checkpoints(folder: folder, resumes: true)
      XCTAssertThrowsError(try other.run(epochs: 2)) {
        XCTAssertTrue("\($0)".contains("momentum 0.9, clip 1.0"), "\($0)")
      }
    }
  }

  func testStopsWhenTheAccuracyNoLongerGrows() throws {
    let training = try training(try world())
    training.schedule = .constant(0)
    training.earlyStopping = EarlyStopping(patience: 3)
    try training.run(epochs: 20)
    XCTAssertEqual(training.testAccuracy.count, 4)
  }

  func testARunThatHasStoppedEarlyTrainsNoFurtherWhenItIsResumed() throws {
    let world = try world()
    try withFolder(world) { folder in
      var checksums: [UInt64] = []
      for resumes in [false, true] {
        let training = try training(world)
        training.schedule = .constant(0)
        training.earlyStopping = EarlyStopping(patience: 1)
        training.checkpoints = Checkpoints(folder: folder, resumes: resumes)
        try training.run(epochs: 20)
        XCTAssertEqual(training.testAccuracy.count, 2)
        checksums.append(training.checksum)
      }
      XCTAssertEqual(checksums[0], checksums[1])
    }
  }

  func testAccumulationLearnsTheSame() throws {
    let world = try world()
    let (whole, parts) = (try training(world, dropout: 0), try training(world, dropout: 0))
    parts.accumulation = 4
    try whole.run(epochs: 2)
    try parts.run(epochs: 2)
    XCTAssertEqual(parts.trainLoss[1], whole.trainLoss[1], accuracy: 1e-4)
  }

  /// A loss that is finite while its gradient is not, on the last rank and from a step on.
  private final class BrokenLoss: Loss {
    private let (isBroken, first): (Bool, Int)
    private var steps = 0

    init(isBroken: Bool, from first: Int) { (self.isBroken, self.first) = (isBroken, first) }

    func evaluate(
      _ output: Tensor<Float>, _ targets: Targets<Float>, gradient: Tensor<Float>?
    ) throws -> BatchScore {
      let score = try SoftmaxCrossEntropy().evaluate(output, targets, gradient: gradient)
      steps += gradient == nil ? 0 : 1
      if isBroken, steps >= first { gradient?.values[1] = .infinity }
      return score
    }
  }

  /// Nothing but the update sees it: in the last step of an epoch no loss comes after it.
  func testAGradientThatIsNotFiniteEndsTheRunAndSaysWhere() throws {
    let world = try world()
    let data = TrainingData.synthetic(count: 64, testCount: 32)
    for mode in UpdateMode.allCases {
      for first in [2, 4] {
        let loss = BrokenLoss(isBroken: world.rank == world.size - 1, from: first)
        let trainer = try Trainer(
          Sequential<Float>(Flatten(), Dense(784, 8), ReLU(), Dense(8, 10)),
          input: data.training.exampleShape, plan: Plan(layers: .data, update: mode), over: world,
          optimizer: Momentum(), loss: loss)
        let training = Training(trainer, data, globalBatchSize: 16)
        XCTAssertThrowsError(try training.run(epochs: 1), "\(mode)") { error in
          let words = "\(error)"
          XCTAssertTrue(words.contains("NaN or infinite"), words)
          XCTAssertTrue(words.contains(" by rank "), words)
          XCTAssertTrue(words.contains("step \(min(first + 1, 4)) of epoch 1"), words)
        }
      }
    }
  }

  func testALossThatIsNotFiniteEndsTheRun() throws {
    let training = try training(try world())
    training.schedule = .constant(1e30)
    XCTAssertThrowsError(try training.run(epochs: 2)) {
      XCTAssertTrue("\($0)".contains("diverges with a learning rate of 1e+30"), "\($0)")
    }
  }
}
