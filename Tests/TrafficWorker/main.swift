import AllReduce
import AllReduceMPI
import CMessageCount

/// A plan with what it is called.
struct Case {
  let name: String
  let plan: Plan
}

/// Every kind of plan that `ranks` ranks can carry out: by name, each update, whole and compressed, in turns, and
/// with each placement behind each.
func cases(ranks: Int) -> [Case] {
  let divisor = (2...5).first { ranks % $0 == 0 } ?? 1
  let mixed = GridShape(data: ranks / divisor, model: divisor)
  let grids = divisor < ranks ? [GridShape(model: ranks), mixed] : [mixed]
  let orders = ConversionRun.Order.allCases
  let placements: [[Placement]] = [
    [.data, .columns, .rows, .data], [.columns, .rows, .columns, .data],
    [.rows, .data, .rows, .replicated], [.data, .rows, .rows, .columns],
  ]
  var cases: [Case] = []
  for update in UpdateMode.allCases {
    cases.append(Case(name: "data, \(update)", plan: Plan(layers: .data, update: update)))
    for grid in grids {
      cases.append(
        Case(
          name: "weights on \(grid), \(update)",
          plan: Plan(layers: .weights, grid: grid, update: update)))
      for row in placements {
        let layers = Dictionary(uniqueKeysWithValues: zip(["0", "2", "3", "4"], row))
        cases.append(
          Case(
            name: "\(row) on \(grid), \(update)",
            plan: Plan(layers: .listed(layers), grid: grid, update: update)))
      }
    }
  }
  let compressions: [any GradientCompression] = [.bfloat16, .topK(0.1), .powerSGD(2)]
  for compression in compressions {
    cases.append(
      Case(
        name: "data, \(compression.name)",
        plan: Plan(layers: .data, update: .replicated, compression: compression)))
  }
  let front: [String: Placement] = ["0": .data, "2": .columns, "3": .rows, "4": .columns]
  for order in orders {
    for update in ConversionRun.Update.allCases where order != .atOnce || update == .step {
      let run = ConversionRun(before: "2", order: order, update: update)
      for grid in grids {
        cases.append(
          Case(
            name: "hybrid \(order), \(update), on \(grid)",
            plan: Plan(layers: .listed(front), grid: grid, conversions: [run])))
      }
    }
  }
  return cases
}

/// Plans with placements, a grid and an update that are drawn, the same on all ranks.
func drawnCases(ranks: Int, count: Int) -> [Case] {
  let random = Philox(seed: 11)
  var next: UInt64 = 0
  func draw<Value>(_ values: [Value]) -> Value {
    next += 1
    return values[Int(random.block(at: next).x % UInt32(values.count))]
  }
  let divisors = (1...ranks).filter { ranks % $0 == 0 }
  return (0..<count).map { number in
    let model = draw(divisors)
    let layers = Dictionary(
      uniqueKeysWithValues: ["0", "2", "3", "4"].map { ($0, draw(Placement.allCases)) })
    var plan = Plan(layers: layers, grid: GridShape(data: ranks / model, model: model))
    plan.update = draw(UpdateMode.allCases)
    return Case(name: "drawn \(number)", plan: plan)
  }
}

/// What all plans train with: the shape of an example, and the examples of a rank.
enum Examples {
  static let shape: Shape = [12]
  static let rows = 4
}

func network() -> Sequential<Float> {
  Sequential(Dense(12, 20), ReLU(), Dense(20, 14), Dense(14, 9), Dense(9, 8))
}

/// On how many ranks a plan sends other bytes to other hosts than predicted; nil where that is not predicted.
func mispredicted(_ plan: Plan, over world: Communicator) throws -> Int? {
  let trainer = try Trainer<Float>(
    network(), input: Examples.shape, plan: plan, over: world, optimizer: Momentum(),
    loss: SoftmaxCrossEntropy(), seed: 1)
  // Where all ranks of a group give the same examples, these are the group's.
  let given = Examples.rows * world.size / trainer.share.count
  let inputs = Tensor<Float>(repeating: 0.5, shape: Examples.shape.batch(of: given))
  let labels = (0..<given).map { Int32($0 % 8) }
  guard
    let predicted = try StepPrediction.networkBytes(
      of: trainer.plan, for: network(), input: Examples.shape, rows: Examples.rows,
      ranksPerHost: world.hosts.map(\.count))
  else { return nil }
  _ = try trainer.step(inputs, .classes(labels), learningRate: 0.1)
  try trainer.finish()
  let before = trainer.traffic
  for _ in 0..<2 { _ = try trainer.step(inputs, .classes(labels), learningRate: 0.1) }
  try trainer.finish()
  let sent = (trainer.traffic - before).networkBytesSent
  let isOff = sent != 2 * predicted[world.rank]
  return Int(try world.allReduce(Int64(isOff ? 1 : 0), .sum))
}

// Trains by every kind of plan, and compares the bytes that the trainer reports with those that MPI was given for
// other hosts. A line a plan from rank 0: reported, seen, what else the process counted, and calls of MPI's own
// collectives, all ranks together.
try MPI.run { world in
  let host = world.hosts.first { $0.contains(world.rank) } ?? []
  func seen() -> Int {
    (0..<world.size).filter { !host.contains($0) }.reduce(0) {
      $0 + Int(message_bytes_to(Int32($1)))
    }
  }
  for entry in cases(ranks: world.size) {
    let trainer = try Trainer<Float>(
      network(), input: Examples.shape, plan: entry.plan, over: world, optimizer: Momentum(),
      loss: SoftmaxCrossEntropy(),
      clipping: GradientClipping(maximumNorm: 1), seed: 1)
    let inputs = Tensor<Float>(repeating: 0.5, shape: [4, 12])
    // The first step makes memory, and ranks tell each other how much.
    _ = try trainer.step(inputs, .classes([1, 2, 3, 4]), learningRate: 0.1)
    try trainer.finish()
    try world.barrier()
    let (reported, bytes, calls, all) = (
      trainer.traffic, seen(), collective_calls(), Traffic.ofProcess
    )
    for _ in 0..<3 { _ = try trainer.step(inputs, .classes([1, 2, 3, 4]), learningRate: 0.1) }
    try trainer.finish()
    let moved = trainer.traffic - reported
    var counts = [
      moved.networkBytesSent + moved.agreementBytesSent, seen() - bytes,
      (Traffic.ofProcess - all).payloadBytes - moved.payloadBytes,
      Int(collective_calls() - calls),
    ].map(Int64.init)
    try world.allReduce(&counts, .sum)
    if world.isRoot { print("\(entry.name): \(counts.map(String.init).joined(separator: " "))") }
  }
  // What is predicted is what the choices that are built in send.
  guard world.tuningFile == nil else { return }
  for entry in cases(ranks: world.size) + drawnCases(ranks: world.size, count: 50)
  where entry.plan.conversions.allSatisfy({ $0.update == .step }) {
    guard let ranks = try mispredicted(entry.plan, over: world) else { continue }
    if world.isRoot { print("predicted \(entry.name): \(ranks)") }
  }
}
