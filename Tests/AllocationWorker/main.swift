import AllReduce
import CAllocationCount

/// Computes nothing, and says that its gradients are ready: what is left of a step is exchange and update.
final class Reporting: Layer {
  let summary = "Reporting"
  let parameters = (0..<4).map {
    Parameter<Float>("\($0)", shape: [30_000 + $0], initialization: .constant(0), decays: true)
  }

  func outputShape(for input: Shape) -> Shape { input }

  func forward(_ input: Tensor<Float>, _ pass: Pass<Float>) -> Tensor<Float> { input }

  func backward(
    _ gradient: Tensor<Float>, _ pass: Pass<Float>, needsInputGradient: Bool
  ) throws -> Tensor<Float>? {
    for parameter in parameters.reversed() { try pass.finish(parameter) }
    return nil
  }
}

/// Plans in which every conversion between layouts stands somewhere.
func plans() -> [(name: String, plan: Plan)] {
  let placements: [[Placement]] = [
    [.data, .columns, .rows, .data], [.columns, .replicated, .data, .rows],
    [.rows, .data, .replicated, .rows], [.data, .rows, .rows, .columns],
  ]
  let listed = placements.map { row in
    Plan(layers: Dictionary(uniqueKeysWithValues: zip(["0", "2", "4", "5"], row)))
  }
  let hybrid = ConversionRun.Order.allCases.map { Plan.hybrid($0) }
  let inTurn = Plan(
    layers: .listed(["0": .data, "2": .columns, "4": .rows, "5": .columns]),
    conversions: [ConversionRun(before: "2", order: .scatterInTurn)])
  return listed.enumerated().map { ("plan-\($0)", $1) }
    + hybrid.enumerated().map { ("hybrid-\($0)", $1) } + [("in-turn", inTurn)]
}

/// No loss.
struct Nothing: Loss {
  func evaluate(
    _ output: Tensor<Float>, _ targets: Targets<Float>, gradient: Tensor<Float>?
  ) -> BatchScore { BatchScore(examples: 1) }
}

// Counts what the calls after the first allocate: a line a way of reducing and size, from rank 0.
try MPI.run { world in
  func measure(_ name: String, _ bytes: Int, _ call: () throws -> Void) throws {
    for _ in 0..<40 { try call() }
    // What most calls do counts, not what a call does whose wait was long, as where others use the processors.
    var counts: [Int64] = []
    counts.reserveCapacity(40)
    for _ in 0..<40 {
      let before = allocation_count()
      try call()
      counts.append(allocation_count() - before)
    }
    counts.sort()
    let mine = 40 * counts[10]
    let all = try world.allReduce(mine, .sum)
    if world.isRoot { print("\(name) \(bytes) \(all)") }
  }
  let numbers = Array(0..<6)
  for mode in UpdateMode.allCases {
    for clipping in [nil, GradientClipping(maximumNorm: 1)] {
      let trainer = try Trainer(
        Reporting(), input: [1], plan: Plan(layers: .data, update: mode, bucketBytes: 64 << 10),
        over: world, optimizer: Momentum(), loss: Nothing(), clipping: clipping)
      let none = Tensor<Float>([0], shape: [1, 1])
      let count = 4 * trainer.network.layout.count
      try measure("step-\(mode)\(clipping == nil ? "" : "-clipped")", count) {
        _ = try trainer.step(none, .values(none), learningRate: 0.01)
      }
    }
  }
  for (name, plan) in plans() {
    let trainer = try Trainer<Float>(
      Sequential(
        Dense(16, 24), ReLU(), Dense(24, 20), ReLU(), Dense(20, 12), Dense(12, 10)), input: [16],
      plan: plan, over: world, optimizer: Momentum(), loss: SoftmaxCrossEntropy())
    let inputs = Tensor<Float>(repeating: 0.5, shape: [6, 16])
    let targets = Targets<Float>.classes([1, 2, 3, 4, 5, 6])
    try measure(name, 4 * trainer.network.layout.count) {
      _ = try trainer.step(inputs, targets, examples: numbers, learningRate: 0.01)
    }
  }
  for bytes in [4, 1000, 30_000, 1 << 20] {
    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: bytes / 4)
    values.initialize(repeating: 0)
    defer { values.deallocate() }
    for algorithm in ReductionAlgorithm.all where algorithm != .native {
      if algorithm == .sharedMemory && world.hosts.count > 1 { continue }
      try measure("\(algorithm)", bytes) { try world.allReduce(values, .mean, using: algorithm) }
      for operation in [ReductionOperation.mean, .maximum] {
        try measure("\(algorithm)-bfloat16", bytes) {
          try world.allReduce(values, operation, using: algorithm, wireFormat: .bfloat16)
        }
      }
    }
    let arena = try Arena<Float>(count: bytes / 4, over: world)
    try measure("arena", bytes) { try world.allReduce(arena.all, .mean) }
    try measure("startInArena", bytes) { try world.startAllReduce(arena.all, .mean).wait() }
    for start in ReductionStart.allCases {
      let reducer = try GradientReducer<Float>(
        count: bytes / 4, over: world, start: start, bucketBytes: 64 << 10)
      try measure("reducer-\(start)", bytes) {
        reducer.begin(BatchScore(examples: 1))
        try reducer.isReady(0..<bytes / 4)
        _ = try reducer.finishSum()
      }
    }
    let compressions: [any GradientCompression] = [.topK(0.01), .powerSGD(4)]
    for compression in compressions {
      let reducer = try GradientReducer<Float>(
        count: bytes / 4, over: world, compression: compression,
        matrices: bytes < 100 ? [] : [GradientMatrix(start: 0, rows: 10, columns: bytes / 40)],
        start: .duringBackward, bucketBytes: 64 << 10)
      try measure(compression.name, bytes) {
        reducer.begin(BatchScore(examples: 1))
        try reducer.isReady(0..<bytes / 4)
        _ = try reducer.finishSum()
      }
    }
    try measure("start", bytes) { try world.startAllReduce(values, .mean).wait() }
  }
}
