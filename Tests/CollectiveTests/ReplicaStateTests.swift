import AllReduce
import AllReduceMPI
import Foundation
import XCTest

/// Replicas that are kept wherever they are in a round, and go on.
final class ReplicaStateTests: CollectiveTestCase {
  private func meeting(_ fragments: Int, _ overlap: Int, _ mix: Double = 0) -> Meeting {
    var meeting = Meeting(every: 6)
    (meeting.fragments, meeting.overlapSteps, meeting.mix) = (fragments, overlap, mix)
    (meeting.outerRule, meeting.warmUpSteps) = (.nesterov, 2)
    return meeting
  }

  private func trainer(
    _ meeting: Meeting, _ world: Communicator, update: UpdateMode? = nil, seed: UInt64 = 3
  ) throws -> Trainer<Float> {
    try Trainer(
      Sequential<Float>(Dense(7, 9), BatchNorm(9), ReLU(), Dropout(0.2), Dense(9, 3)), input: [7],
      plan: Plan(layers: .data, update: update, meeting: meeting), over: world, optimizer: Adam(),
      loss: SoftmaxCrossEntropy(), seed: seed)
  }

  /// Takes steps, each with different examples, and returns this replica's losses.
  private func run(_ trainer: Trainer<Float>, _ steps: Range<Int>) throws -> [Double] {
    let share = trainer.share
    return try steps.map { step in
      let random = Philox(seed: UInt64(100 * step + share.index))
      let rows = 4 + share.index
      let labels = (0..<rows).map { Int32(random.block(at: UInt64($0), stream: 1).x % 3) }
      let inputs = Tensor<Float>(
        (0..<7 * rows).map { Float(random.gaussian(at: UInt64($0))) }, shape: [rows, 7])
      return try trainer.step(inputs, .classes(labels), learningRate: 0.02).loss
    }
  }

  private func state(_ trainer: Trainer<Float>, steps: Int) throws -> TrainingState {
    var state = TrainingState(
      sampler: EpochSampler(count: 10, globalBatchSize: 5), optimizer: "", schedule: .constant(1))
    (state.steps, state.randomStep) = (steps, trainer.nextStep)
    try trainer.finish()
    state.replicas = try trainer.keepReplicas()
    return state
  }

  /// A checkpoint's folder that all ranks know by the same name, and rank 0 removes.
  private func withCheckpoint(_ world: Communicator, _ body: (Checkpoint) throws -> Void) throws {
    let name = try world.broadcast(
      world.isRoot ? NSTemporaryDirectory() + "replicas-\(UUID().uuidString)" : "", from: 0)
    let checkpoint = Checkpoint(directory: name)
    if world.isRoot { try checkpoint.prepare() }
    try world.barrier()
    try body(checkpoint)
    try world.barrier()
    if world.isRoot { try? FileManager.default.removeItem(atPath: name) }
  }

  func testGoesOnWithTheSameLossesFromAnyStep() throws {
    let world = try world()
    var sizes: [Meeting.ReplicaSize] = [.ranks(1)]
    if world.size % 2 == 0 { sizes.append(.ranks(2)) }
    for size in sizes {
      for (fragments, overlap, mix) in [(1, 0, 0.0), (2, 2, 0.25), (1, 6, 0.5)] {
        var meeting = meeting(fragments, overlap, mix)
        meeting.replica = size
        // In the warm-up, in the middle of a round or between fragments, at an end, with an exchange under way.
        for cut in [1, 5, 8, 10] {
          let what = "\(size), \(fragments) fragments, overlap \(overlap), after step \(cut)"
          let whole = try trainer(meeting, world)
          let expected = try run(whole, 0..<21)
          try withCheckpoint(world) { checkpoint in
            let first = try trainer(meeting, world)
            XCTAssertEqual(try run(first, 0..<cut), Array(expected[..<cut]), what)
            let kept = try state(first, steps: cut)
            try checkpoint.write(first.state, kept, over: world)
            // What is kept does not change how the first goes on.
            XCTAssertEqual(try run(first, cut..<21), Array(expected[cut...]), what)
            let second = try trainer(meeting, world, seed: 3)
            _ = try run(second, 0..<3)
            try second.resume(checkpoint.readState(over: world), from: checkpoint)
            XCTAssertEqual(try run(second, cut..<21), Array(expected[cut...]), what)
            XCTAssertEqual(Array(second.network.values), Array(whole.network.values), what)
            XCTAssertEqual(try second.checksum(), try whole.checksum(), what)
            XCTAssertEqual(second.outerSteps, whole.outerSteps, what)
            XCTAssertEqual(
              try second.differenceCosine() ?? 2, try whole.differenceCosine() ?? 2,
              accuracy: 1e-12, what)
          }
        }
      }
    }
  }

  func testOtherNumbersOfReplicasGoOn() throws {
    let world = try world()
    try XCTSkipIf(world.size == 1, "one rank is one replica")
    try withCheckpoint(world) { checkpoint in
      let first = try trainer(meeting(2, 1), world)
      _ = try run(first, 0..<10)
      try checkpoint.write(first.state, state(first, steps: 10), over: world)
      let checksum = try first.checksum()
      let kept = try checkpoint.readState(over: world)
      XCTAssertEqual(kept.replicas?.count, world.size)
      // One replica of all ranks, and all ranks in step.
      var one = meeting(2, 1)
      one.replica = .ranks(world.size)
      for meeting in [one, Meeting()] {
        let other = try trainer(meeting, world, seed: 3)
        _ = try run(other, 0..<1)
        try other.resume(kept, from: checkpoint)
        XCTAssertEqual(try other.checksum(), checksum)
        XCTAssertTrue(try run(other, 10..<15).allSatisfy(\.isFinite))
        _ = try other.checksum()
        // And back: many go on from one.
        try checkpoint.write(other.state, state(other, steps: 15), over: world)
        let many = try trainer(self.meeting(2, 1), world)
        try many.resume(checkpoint.readState(over: world), from: checkpoint)
        XCTAssertEqual(try many.checksum(), try other.checksum())
        _ = try run(many, 15..<23)
        _ = try many.checksum()
        try checkpoint.write(first.state, state(first, steps: 10), over: world)
      }
    }
  }

  func testARoundOfOtherLengthCannotGoOnInItsMiddle() throws {
    let world = try world()
    try withCheckpoint(world) { checkpoint in
      let first = try trainer(meeting(2, 1), world)
      for (steps, isMiddle) in [(10, true), (2, false)] {
        let trainer = steps == 2 ? try trainer(meeting(2, 1), world) : first
        _ = try run(trainer, 0..<steps)
        try checkpoint.write(trainer.state, state(trainer, steps: steps), over: world)
        let kept = try checkpoint.readState(over: world)
        let other = try self.trainer(meeting(3, 1), world)
        guard isMiddle else {
          try other.resume(kept, from: checkpoint)
          continue
        }
        XCTAssertThrowsError(try other.resume(kept, from: checkpoint)) {
          XCTAssertTrue("\($0)".contains("6 steps and 2 fragments, not 6 steps and 3"), "\($0)")
        }
      }
    }
  }

  func testATrainingThatIsResumedEndsAsOneThatIsNot() throws {
    let world = try world()
    // With an overlap, states are kept while an exchange is under way; they are larger than that of the first step.
    for overlap in [0, 2] {
      try withCheckpoint(world) { try checkResumedTraining(world, $0, overlap) }
    }
  }

  private func checkResumedTraining(
    _ world: Communicator, _ checkpoint: Checkpoint, _ overlap: Int
  ) throws {
    let data = try TrainingData(
      csv: "data/breast_cancer.csv", target: "benign", testShare: 0.2)
    func training(resumes: Bool? = nil) throws -> Training<Float> {
      var meeting = Meeting(every: 3)
      (meeting.outerRule, meeting.overlapSteps) = (.nesterov, overlap)
      let trainer = try Trainer(
        Sequential<Float>(Dense(30, 12), BatchNorm(12), ReLU(), Dense(12, 2)), input: [30],
        plan: Plan(layers: .data, meeting: meeting), over: world, optimizer: Momentum(0.9),
        loss: SoftmaxCrossEntropy())
      let training = Training(trainer, data, globalBatchSize: 40)
      training.schedule = .constant(0.02)
      training.stepsPerEpoch = 6
      training.checkpoints = resumes.map {
        Checkpoints(folder: checkpoint.directory, everySteps: 4, resumes: $0)
      }
      return training
    }
    let (whole, first, second) = (
      try training(), try training(resumes: false), try training(resumes: true)
    )
    try whole.run(epochs: 4)
    try first.run(epochs: 2)
    if overlap > 0 {
      // The run's end was a meeting of its own, which the whole run does not have: continue from the state before.
      if world.isRoot {
        let before = checkpoint.directory + "/checkpoint.1.safetensors"
        XCTAssertEqual(rename(before, checkpoint.path), 0)
      }
      try world.barrier()
    }
    try second.run(epochs: 4)
    // An epoch ends with a round.
    XCTAssertEqual(second.firstStep, overlap > 0 ? 8 : 12)
    XCTAssertEqual(second.trainLoss, whole.trainLoss)
    XCTAssertEqual(second.testAccuracy, whole.testAccuracy)
    XCTAssertEqual(second.checksum, whole.checksum)
    XCTAssertGreaterThan(whole.testAccuracy[3], 0.85)
  }

  func testNetworksTakeTheGlobalWeights() throws {
    let world = try world()
    try withCheckpoint(world) { checkpoint in
      let trainer = try trainer(meeting(1, 0), world)
      _ = try run(trainer, 0..<5)
      try checkpoint.write(trainer.state, state(trainer, steps: 5), over: world)
      let weights = try trainer.wholeParameters().map(\.values)
      let network = try Network<Float>(
        Sequential<Float>(Dense(7, 9), BatchNorm(9), ReLU(), Dropout(0.2), Dense(9, 3)),
        input: [7])
      if world.isRoot {
        try network.load(weights: checkpoint.path)
        XCTAssertEqual(network.parameters.map { Array($0.values.values) }, weights)
      }
    }
  }
}
