import AllReduce
import AllReduceMPI
import XCTest

/// Replicas that meet every H steps, compared with one network and with an all-reduce of gradients.
final class ReplicaTests: CollectiveTestCase {
  private static let inputs = 6

  private func network(dropout: Double = 0.3) -> Sequential<Double> {
    Sequential(Dense(ReplicaTests.inputs, 11), ReLU(), Dropout(dropout), Dense(11, 4))
  }

  private func trainer(
    _ meeting: Meeting, over world: Communicator, _ root: Sequential<Double>? = nil,
    update: UpdateMode? = nil, layers: Plan.Layers = .data, rule: any UpdateRule = SGD()
  ) throws -> Trainer<Double> {
    try Trainer(
      root ?? network(), input: [ReplicaTests.inputs],
      plan: Plan(layers: layers, update: update, meeting: meeting), over: world,
      optimizer: rule, loss: SoftmaxCrossEntropy(), seed: 5)
  }

  /// Some of 60 examples, of which each step sees others.
  private func part(_ numbers: Range<Int>, step: Int) -> Trainer<Double>.Part {
    let random = Philox(seed: UInt64(11 + step))
    let width = ReplicaTests.inputs
    let labels = numbers.map { Int32(random.block(at: UInt64($0), stream: 1).x % 4) }
    let inputs = Tensor(
      numbers.flatMap { example in
        (0..<width).map { random.gaussian(at: UInt64(example * width + $0)) }
      }, shape: [numbers.count, width])
    return (inputs, .classes(labels), Array(numbers))
  }

  /// The examples of a rank, in parts that grow with the rank.
  private func examples(of rank: Int, _ size: Int) -> Range<Int> {
    let cut = { (index: Int) in index * (index + 1) * 60 / (size * (size + 1)) }
    return cut(rank)..<cut(rank + 1)
  }

  @discardableResult
  private func run(
    _ trainer: Trainer<Double>, steps: Range<Int>, evaluates: Bool = false
  ) throws -> Trainer<Double> {
    let share = trainer.share
    for step in steps {
      let own = part(examples(of: share.index, share.count), step: step)
      _ = try trainer.step(parts: 1, learningRate: 0.1) { _ in own }
      if evaluates { _ = try trainer.score(own.inputs, own.targets) }
    }
    return trainer
  }

  private func weights(_ trainer: Trainer<Double>) throws -> [Double] {
    try trainer.wholeParameters().flatMap(\.values)
  }

  func testMeetingAfterEveryStepIsSynchronous() throws {
    let world = try world()
    let expected = try weights(run(trainer(Meeting(), over: world), steps: 0..<100))
    for update in [nil, UpdateMode.replicated] {
      let trainer = try trainer(Meeting(every: 1), over: world, update: update)
      XCTAssertEqual(trainer.replicaCount, world.size)
      assertClose(try weights(run(trainer, steps: 0..<100)), expected, 1e-6, "H = 1")
      XCTAssertEqual(trainer.outerSteps, 100)
      _ = try trainer.checksum()
    }
    // A warm-up averages after each step, whatever the interval and the outer rule are.
    var meeting = Meeting(every: 8)
    (meeting.warmUpSteps, meeting.outerRule) = (100, .nesterov)
    assertClose(
      try weights(run(trainer(meeting, over: world), steps: 0..<100)), expected, 1e-6, "warm-up")
  }

  func testBatchNormsStatisticsAreAReplicasOwn() throws {
    let world = try world()
    func network() -> Sequential<Double> {
      Sequential(Dense(ReplicaTests.inputs, 8), BatchNorm(8), Tanh(), Dense(8, 4))
    }
    let replicas = try run(trainer(Meeting(every: 1), over: world, network()), steps: 0..<20)
    // By hand: each rank's own gradient, of own statistics, added up.
    let alone = try trainer(
      Meeting(), over: world.split(color: world.rank), network(), update: .replicated)
    for step in 0..<20 {
      let own = part(examples(of: world.rank, world.size), step: step)
      _ = try alone.computeGradient { _ in own }
      let reserved = alone.network.layout.reserved
      try world.allReduce(
        UnsafeMutableBufferPointer(rebasing: alone.network.gradients[reserved...]), .sum)
      for index in reserved..<alone.network.values.count {
        alone.network.values[index] -= 0.1 * alone.network.gradients[index] / 60
      }
    }
    assertClose(
      try weights(replicas), alone.network.parameters.flatMap { Array($0.values.values) }, 1e-6,
      "statistics of a replica")
  }

  func testOneReplicaTrainsAsIfThereWereNoMeetings() throws {
    let world = try world()
    let expected = try weights(run(trainer(Meeting(), over: world), steps: 0..<30))
    let one = try run(
      trainer(Meeting(every: 4, replica: .ranks(world.size)), over: world), steps: 0..<30)
    try one.meet()
    XCTAssertEqual(one.replicaCount, 1)
    assertClose(try weights(one), expected, 1e-6, "one replica of all ranks")
  }

  func testRanksOfAReplicaTrainInStep() throws {
    let world = try world()
    try XCTSkipIf(world.size % 2 != 0, "replicas of two ranks need an even number")
    var meeting = Meeting(every: 4, replica: .ranks(2))
    (meeting.outerRule, meeting.fragments) = (.nesterov, 2)
    var plans: [(UpdateMode?, Plan.Layers)] = [
      (.replicated, .data), (.sharded, .data), (nil, .data), (nil, .weights),
    ]
    let isOnOneHost = stride(from: 0, to: world.size, by: 2).allSatisfy { first in
      world.hosts.contains { $0.contains(first) && $0.contains(first + 1) }
    }
    if isOnOneHost {
      plans.append((.shared, .data))
    } else {
      XCTAssertThrowsError(try trainer(meeting, over: world, update: .shared)) {
        XCTAssertTrue("\($0)".contains("a replica is on 2 hosts"), "\($0)")
      }
    }
    var all: [[Double]] = []
    for (update, layers) in plans {
      // Of split weights all ranks of a replica have the same examples.
      let trainer = try Trainer(
        network(), input: [ReplicaTests.inputs],
        plan: Plan(layers: layers, update: update, meeting: meeting), over: world,
        optimizer: Momentum(0.9), loss: SoftmaxCrossEntropy(), seed: 5)
      XCTAssertEqual(trainer.replicaCount, world.size / 2)
      let count = world.size / 2
      for step in 0..<18 {
        let share = trainer.share
        let replica = 60 / count
        let start = layers == .data ? share.index * 30 / count : share.index * replica
        let own = part(start..<start + (layers == .data ? replica / 2 : replica), step: step)
        _ = try trainer.step(parts: 1, learningRate: 0.05) { _ in own }
        _ = try trainer.checksum()
      }
      try trainer.meet()
      all.append(try weights(trainer))
    }
    for (found, (update, layers)) in zip(all, plans).dropFirst() {
      assertClose(found, all[0], 1e-9, "\(String(describing: update)) \(layers)")
    }
  }

  /// The shards of a replica's ranks differ in size, and fragments end among the weights that all ranks have.
  func testFragmentsOfUnevenShardsAreTheSameOnAllRanksOfAReplica() throws {
    let world = try world()
    try XCTSkipIf(world.size % 2 != 0, "replicas of two ranks need an even number")
    var meeting = Meeting(every: 8, replica: .ranks(2))
    meeting.fragments = 4
    let trainer = try trainer(
      meeting, over: world,
      Sequential(
        Dense(ReplicaTests.inputs, 64), ReLU(), Dense(64, 33), ReLU(), Dense(33, 4)),
      layers: .listed(["0": .data, "2": .columns, "4": .rows]))
    for step in 0..<18 {
      try run(trainer, steps: step..<step + 1)
      try trainer.checkCopies()
      _ = try trainer.checksum()
    }
  }

  func testLookingAtGlobalWeightsChangesNothing() throws {
    let world = try world()
    var meeting = Meeting(every: 6)
    (meeting.fragments, meeting.overlapSteps, meeting.mix) = (3, 1, 0.25)
    let (looking, not) = (
      try trainer(meeting, over: world, rule: Adam()),
      try trainer(meeting, over: world, rule: Adam())
    )
    let first = try weights(looking)
    try run(looking, steps: 0..<1, evaluates: true)
    XCTAssertEqual(try weights(looking), first, "the global weights have not moved yet")
    try run(looking, steps: 1..<15, evaluates: true)
    try run(not, steps: 0..<15)
    XCTAssertEqual(try looking.checksum(), try not.checksum())
    XCTAssertEqual(Array(looking.network.values), Array(not.network.values))
    XCTAssertNotEqual(try weights(looking), first)
  }

  func testDifferencesTravelInAnyForm() throws {
    let world = try world()
    let root = {
      Sequential<Float>(Dense(ReplicaTests.inputs, 32), Tanh(), Dense(32, 4))
    }
    func run(_ compression: any GradientCompression) throws -> [Double] {
      var meeting = Meeting(every: 2)
      meeting.fragments = 2
      let trainer = try Trainer(
        root(), input: [ReplicaTests.inputs],
        plan: Plan(layers: .data, compression: compression, meeting: meeting), over: world,
        optimizer: SGD(), loss: SoftmaxCrossEntropy(), seed: 5)
      for step in 0..<12 {
        let part = part(examples(of: world.rank, world.size), step: step)
        let inputs = Tensor<Float>(part.inputs.values.map { Float($0) }, shape: part.inputs.shape)
        guard case .classes(let labels) = part.targets else { preconditionFailure("no classes") }
        _ = try trainer.step(inputs, .classes(labels), learningRate: 0.1)
        _ = try trainer.checksum()
      }
      return try trainer.wholeParameters().flatMap { $0.values.map { Double($0) } }
    }
    let whole = try run(.none)
    for (compression, tolerance) in [
      (.bfloat16, 0.02), (.float16, 0.01), (.topK(0.5), 0.5), (.powerSGD(2), 0.5),
    ] as [(any GradientCompression, Double)] {
      assertClose(try run(compression), whole, tolerance, compression.name)
    }
  }

  func testBytesAreThoseOfOneAllReduceARound() throws {
    let world = try world()
    let (every, rounds) = (5, 4)
    let trainer = try trainer(Meeting(every: .steps(every)), over: world)
    try run(trainer, steps: 0..<every * rounds)
    let own = trainer.exchanges.filter { $0.layer.hasPrefix("differences") }
    let sent = try world.allReduce(
      Int64(own.reduce(0) { $0 + $1.traffic.networkBytesSent }), .sum)
    let layout = trainer.network.layout
    let (p, elements) = (world.size, layout.count - layout.reserved)
    if world.hosts.count == p {
      XCTAssertEqual(Int(sent), rounds * 2 * (p - 1) * elements * 8)
      // In addition to the weights, four figures a meeting.
      let all = try world.allReduce(Int64(trainer.traffic.networkBytesSent), .sum)
      XCTAssertLessThanOrEqual(Int(all - sent), rounds * 4 * 8 * p * p)
    } else if world.hosts.count == 1 {
      XCTAssertEqual(sent, 0)
    }
  }

  func testWhatCannotBeIsRefusedWithItsFigures() throws {
    let world = try world()
    var uneven = Meeting(every: 8)
    uneven.fragments = 3
    var long = Meeting(every: 8)
    (long.fragments, long.overlapSteps) = (4, 3)
    let cases: [(Meeting, [String])] = [
      (Meeting(every: 0), ["not 0"]), (uneven, ["every 8 steps", "3 fragments"]),
      (long, ["overlap 3 steps", "has 2"]),
      (Meeting(every: 2, replica: .ranks(7)), ["\(world.size) ranks", "replicas of 7"]),
    ]
    for (meeting, parts) in cases {
      XCTAssertThrowsError(try trainer(meeting, over: world)) { error in
        for part in parts { XCTAssertTrue("\(error)".contains(part), "\(error)") }
        XCTAssertEqual((error as? AgreedError)?.exitCode, 64)
      }
    }
  }
}
