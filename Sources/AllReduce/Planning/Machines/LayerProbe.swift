package import AllReduceMPI
package import AllReduceNN

/// Measures the passes of a network's layers, whole and as the shards that plans may make of them, on all ranks at
/// once. Whole layers are also measured while only the first hosts compute and the others are idle, with the number of
/// examples that each rank then has.
///
/// Layers run one after the other, each with an input of its own, and repeat as often as the budget allows. So each
/// layer finds the caches in the state in which a training step leaves them.
package struct LayerProbe {
  /// A layer, by its description and the shape of its input, and its number of examples.
  private struct Case: Hashable {
    let summary: String
    let input: Shape
    let rows: Int
  }

  private struct Entry {
    let layer: any Layer<Float>
    let what: Case
  }

  private struct Sweep {
    let entries: [Entry]
    /// How much longer a round takes, at most, than one of the first sweep.
    let factor: Double
    /// The number of first hosts that compute while the others are idle; nil if all hosts compute.
    var hosts: Int?
  }

  /// Only subsets with fewer hosts than this are measured; larger subsets are assumed to compute as fast as all hosts.
  private static let mostHosts = 4

  private let world: Communicator
  private let clock = ContinuousClock()

  package init(over world: Communicator) { self.world = world }

  /// Measures the layers. Collective.
  ///
  /// - Parameters:
  ///   - make: Creates the network's layers, without memory; called for each kind of shard.
  ///   - input: The shape of one example's input.
  ///   - rows: The number of examples per rank.
  ///   - budget: About how many seconds the measurements may take. The whole layers with a rank's examples are measured
  ///     in any case; what would take longer than the time that is left is not, and is predicted from these.
  /// - Returns: The times on the slowest rank, the same on all ranks.
  /// - Throws: ``ShapeError``; ``MPIError``.
  package func measured(
    _ make: () throws -> any Layer<Float>, input: Shape, rows: Int, budget: Double
  ) throws -> [ComputeRates.LayerTime] {
    let sweeps = try self.sweeps(make, input, rows)
    let start = clock.now
    var all: [ComputeRates.LayerTime] = []
    var round = 0.0
    for (number, sweep) in sweeps.enumerated() {
      let spent = try world.allReduce((clock.now - start) / .seconds(1), .maximum)
      // Two rounds, of which the first touches the memory.
      if number > 0, spent + 2 * round * sweep.factor > budget { continue }
      let until = budget * Double(number + 1) / Double(sweeps.count)
      let inUse = try HostsInUse(sweep.hosts ?? world.hosts.count, over: world)
      var medians = [Double](repeating: 0, count: 3 * sweep.entries.count)
      if let ranks = inUse.ranks {
        medians = try run(sweep, over: ranks, start, until)
        try inUse.end()
      } else {
        try inUse.waitUntilEnd()
      }
      try world.allReduce(&medians, .maximum)
      if number == 0 { round = medians.reduce(0, +) }
      for (place, entry) in sweep.entries.enumerated() {
        let (forward, learned, input) = (
          medians[3 * place], medians[3 * place + 1], medians[3 * place + 2]
        )
        all.append(
          ComputeRates.LayerTime(
            layer: entry.what.summary, input: entry.what.input.sizes, rows: entry.what.rows,
            hosts: sweep.hosts, forward: forward, backward: learned + input,
            backwardWithoutInput: learned))
      }
    }
    return all
  }

  /// Runs a sweep until `until` seconds after the start. Returns three median times for each entry: of the forward
  /// pass, of the parameters' gradients, and the additional time of the input's gradient.
  private func run(
    _ sweep: Sweep, over ranks: Communicator, _ start: ContinuousClock.Instant, _ until: Double
  ) throws -> [Double] {
    let run = try SweepRun(sweep.entries.map { ($0.layer, $0.what.input, $0.what.rows) })
    var found: [[(Double, Double, Double)]] = Array(repeating: [], count: sweep.entries.count)
    for round in 0..<20 {
      let spent = try ranks.allReduce((clock.now - start) / .seconds(1), .maximum)
      if round > 1, spent > until { break }
      try ranks.barrier()
      let times = try run.seconds()
      // The first round uses memory that was never touched before.
      if round == 0 { continue }
      for (place, time) in times.enumerated() { found[place].append(time) }
    }
    return found.flatMap { [$0.map(\.0).median, $0.map(\.1).median, $0.map(\.2).median] }
  }

  /// Returns the sweeps: whole layers with a rank's examples; then, for each size of a model group and with the group's
  /// examples, layers sharded by columns, sharded by rows, and whole; then, for each subset of the hosts, whole layers
  /// with the examples that each of their ranks would have.
  private func sweeps(
    _ make: () throws -> any Layer<Float>, _ input: Shape, _ rows: Int
  ) throws -> [Sweep] {
    var seen: Set<Case> = []
    func entries(_ rows: Int, _ shard: (any Layer<Float>, Shape) -> (any Layer<Float>, Shape)?)
      throws -> [Entry]
    {
      let chain = try LayerChain(make(), input: input)
      var entries: [Entry] = []
      for single in chain.singles {
        guard let (layer, input) = shard(single.layer, single.input) else { continue }
        let what = Case(summary: layer.summary, input: input, rows: rows)
        if seen.insert(what).inserted { entries.append(Entry(layer: layer, what: what)) }
      }
      return entries
    }
    // A sweep of shards takes as long as one of whole layers with a rank's examples.
    var sweeps = [(try entries(rows) { ($0, $1) }, 1.0)]
    for size in 2...max(world.size, 2) where world.size % size == 0 {
      func share(_ count: Int) -> Int { (count + size - 1) / size }
      let columns =
        try entries(rows * size) { layer, input in
          guard let dense = layer as? Dense<Float> else {
            return layer.worksOnElements && input.rank == 1
              ? (layer, [share(input.count)]) : nil
          }
          return (
            Dense(
              inputs: dense.inputs, outputs: share(dense.outputs), bias: dense.bias != nil), input
          )
        }
      let shards =
        try entries(rows * size) { layer, _ in
          guard let dense = layer as? Dense<Float> else { return nil }
          let inputs = share(dense.inputs)
          return (
            Dense(inputs: inputs, outputs: dense.outputs, bias: dense.bias != nil), [inputs]
          )
        }
      let whole = try entries(rows * size) { ($0, $1) }
      sweeps += [(columns, 1), (shards, 1), (whole, Double(size))]
    }
    var all = sweeps.map { Sweep(entries: $0, factor: $1) }
    var ranks = 0
    for (number, host) in world.hosts.dropLast().prefix(LayerProbe.mostHosts - 1).enumerated() {
      ranks += host.count
      seen.removeAll()
      let share = (rows * world.size + ranks - 1) / ranks
      all.append(
        Sweep(
          entries: try entries(share) { ($0, $1) }, factor: Double(share) / Double(rows),
          hosts: number + 1))
    }
    return all.filter { !$0.entries.isEmpty }
  }
}

/// Layers that run one after the other, each with its own memory and input.
private struct SweepRun {
  private let networks: [Network<Float>]
  private let inputs: [Tensor<Float>]
  private let clock = ContinuousClock()

  init(_ layers: [(layer: any Layer<Float>, input: Shape, rows: Int)]) throws {
    networks = try layers.map { try Network($0.layer, input: $0.input) }
    inputs = layers.map { Tensor(repeating: 0.5, shape: $0.input.batch(of: $0.rows)) }
  }

  /// Runs one forward and one backward pass. Returns, for each layer, the seconds of the forward pass, of the
  /// parameters' gradients, and the additional seconds of the input's gradient.
  func seconds() throws -> [(Double, Double, Double)] {
    var outputs: [Tensor<Float>] = []
    var times = Array(repeating: (0.0, 0.0, 0.0), count: networks.count)
    func seconds(_ body: () throws -> Void) rethrows -> Double {
      let from = clock.now
      try body()
      return (clock.now - from) / .seconds(1)
    }
    for (number, network) in networks.enumerated() {
      times[number].0 = try seconds { outputs.append(try network.forward(inputs[number])) }
    }
    for number in networks.indices.reversed() {
      let (network, shape) = (networks[number], outputs[number].shape)
      let gradient = Tensor<Float>(repeating: 1e-3, shape: shape)
      var learned = 0.0
      if !network.parameters.isEmpty {
        learned = try seconds {
          _ = try network.root.backward(gradient, network.pass, needsInputGradient: false)
        }
      }
      let whole = try seconds {
        _ = try network.root.backward(gradient, network.pass, needsInputGradient: true)
      }
      times[number].1 = learned
      times[number].2 = max(0, whole - learned)
    }
    return times
  }
}

extension LayerChain {
  /// All single layers of the chain, in the order of the forward pass.
  var singles: [Single] {
    zip(between, nodes.map(\.singles) + [[]]).flatMap { $0 + $1 }
  }
}
