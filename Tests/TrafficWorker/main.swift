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
      Sequential(Dense(12, 20), ReLU(), Dense(20, 14), Dense(14, 9), Dense(9, 8)), input: [12],
      plan: entry.plan, over: world, optimizer: Momentum(), loss: SoftmaxCrossEntropy(),
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
}
