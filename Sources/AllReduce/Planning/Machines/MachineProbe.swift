package import AllReduceMPI
internal import AllReduceNN

/// Measures a ``MachineProfile`` on the ranks of a job, in less than ten seconds.
///
/// The exchanges are those that plans run, in arenas. Buffers grow until a call takes 0.1 s; times of larger buffers
/// are extrapolated linearly. All ranks compute at once, as in training. Each time is that of the slowest rank, and all
/// ranks get the same profile.
package struct MachineProbe {
  /// The sizes of the buffers that are measured, in elements.
  private static let sizes = [16, 256, 2048, 16 << 10, 128 << 10, 512 << 10, 1 << 20, 4 << 20]
  /// The largest factor between two measurements of the same network.
  private static let tolerance = 1.5
  /// The number of seconds of a call after which no larger buffer is measured.
  private static let longest = 0.1

  private let world: Communicator
  private let host: Communicator
  /// The communicator of each host's first rank; nil on other ranks, and if there is one host.
  private let firsts: Communicator?
  private let clock = ContinuousClock()
  /// The number of seconds for measuring each size of each exchange.
  private let share: Double

  /// Creates a probe, with communicators for the host and for the hosts' first ranks. Collective.
  ///
  /// - Parameters:
  ///   - world: All ranks.
  ///   - budget: About how many seconds all measurements may take together.
  /// - Throws: ``MPIError``.
  package init(over world: Communicator, budget: Double = 8) throws {
    self.world = world
    host = try world.splitByHost()
    firsts =
      world.hosts.count > 1 ? try world.split(optionalColor: host.isRoot ? 0 : nil) : nil
    share = budget / 80
  }

  /// Measures computation and exchanges. Collective.
  ///
  /// - Returns: The same profile on all ranks.
  /// - Throws: ``AgreedError`` if memory is short; ``MPIError``.
  package func measured() throws -> MachineProfile {
    let memory = try memoryRate()
    let products = try products()
    let rate = products.map { product in
      let size = 2 * Double(product.rows) * Double(product.inputs) * Double(product.outputs)
      return size
        / min(product.forward, product.weightGradient, product.inputGradient)
    }
    let convolution = try convolutionRate()
    let local = try hostLevel(memory)
    let network = try networkLevel()
    let overlap = network == nil ? MachineProfile.Overlap() : try self.overlap()
    let profile = MachineProfile(
      ranksPerHost: world.hosts.map(\.count), cores: coreCount(),
      machine: processorLevelName, host: local, network: network,
      compute: ComputeRates(
        operationsPerSecond: rate.max() ?? 1e9, convolutionOperationsPerSecond: convolution,
        memoryBytesPerSecond: memory, layerSeconds: 2e-6, products: products),
      overlap: overlap)
    // All ranks take one rank's text, so that no rank plans with slightly different numbers: the first rank of the first
    // host that has measured exchanges within a host.
    let first = world.hosts.max { $0.count < $1.count }?.first ?? 0
    let text = try world.broadcast(profile.json, from: first)
    return try world.agreeing {
      try MachineProfile(json: text, file: "the profile of rank \(first)")
    }
  }

  /// Returns whether the network between the hosts is clearly faster or slower than a profile of these ranks says.
  /// Collective; takes the time of some exchanges of 512 KiB.
  package func contradicts(_ profile: MachineProfile) throws -> Bool {
    var ratio = 1.0
    if let firsts, let curve = profile.network?.curves[.allGather] {
      let arena = try Arena<Float>(count: 128 << 10, over: firsts)
      let seconds = try seconds(over: firsts, budget: share) {
        try firsts.start(ExchangeKind.allGather.collective, arena.all, .sum).wait()
      }
      ratio = seconds / curve.seconds(bytes: 4 * Double(arena.count))
    }
    return try world.allReduce(max(ratio, 1 / ratio), .maximum) > MachineProbe.tolerance
  }

  // MARK: Times

  /// Returns the median seconds of a call of `body` on the slowest rank; the first call does not count. Collective over
  /// the ranks.
  func seconds(
    over ranks: Communicator, budget: Double, _ body: () throws -> Void
  ) throws -> Double {
    try body()
    var found: [Double] = []
    var spent = 0.0
    var goesOn = true
    while goesOn {
      try ranks.barrier()
      let from = clock.now
      try body()
      let seconds = (clock.now - from) / .seconds(1)
      found.append(seconds)
      spent += seconds
      // All ranks continue as long as the first one does.
      let wants = found.count < 3 || (spent < budget && found.count < 200)
      goesOn = try ranks.allReduce(Int32(ranks.isRoot && wants ? 1 : 0), .maximum) == 1
    }
    return try ranks.allReduce(found.median, .maximum)
  }

  // MARK: Exchanges

  private func hostLevel(_ memory: Double) throws -> MachineProfile.Level {
    // Hosts may have different numbers of ranks, and each host measures alone; the host with the most ranks provides
    // the times.
    let most = world.hosts.map(\.count).max() ?? 1
    var curves: [ExchangeKind: TimeCurve] = [:]
    if host.size == most, most > 1 { curves = try self.curves(over: host) }
    // Rank 0's host may be a smaller one.
    try world.barrier()
    if most == 1 || curves.isEmpty {
      let by = MachineProfile.byHand(
        .init(hosts: 1, ranksPerHost: max(most, 2), memoryBytesPerSecond: memory))
      return by.host
    }
    let latency = curves[.allReduce]?.points.first?.seconds ?? 1e-6
    return MachineProfile.Level(
      latency: latency, bytesPerSecond: memory, ranks: host.size, curves: curves)
  }

  private func networkLevel() throws -> MachineProfile.Level? {
    guard world.hosts.count > 1 else { return nil }
    var level = MachineProfile.Level(latency: 0, bytesPerSecond: 1, ranks: 1, curves: [:])
    if let firsts {
      let curves = try curves(over: firsts)
      let points = curves[.allGather]?.points ?? []
      let share = Double(firsts.size - 1) / Double(firsts.size)
      level = MachineProfile.Level(
        latency: points.first?.seconds ?? 1e-6,
        bytesPerSecond: points.suffix(2).slope.map { share / $0 } ?? 1e9, ranks: firsts.size,
        curves: curves)
    }
    try world.barrier()
    return level
  }

  private func curves(over ranks: Communicator) throws -> [ExchangeKind: TimeCurve] {
    let most = MachineProbe.sizes.last ?? 1
    let arena = try Arena<Float>(count: 2 * most, over: ranks)
    return Dictionary(
      uniqueKeysWithValues: try ExchangeKind.allCases.map { kind in
        var points: [TimeCurve.Point] = []
        for count in MachineProbe.sizes {
          // Half of an all-to-all's buffer is for the data received.
          let slice = arena[0..<(kind == .allToAll ? 2 * count : count)]
          let seconds = try seconds(over: ranks, budget: share) {
            try ranks.start(kind.collective, slice, .sum).wait()
          }
          points.append(TimeCurve.Point(bytes: Double(4 * count), seconds: seconds))
          if seconds > MachineProbe.longest { break }
        }
        return (kind, TimeCurve(measured: points))
      })
  }

  // MARK: Computing

  private func memoryRate() throws -> Double {
    let count = 4 << 20
    let memory = TensorMemory<Float>(count: 2 * count)
    guard let base = memory.values.baseAddress else { return 1e9 }
    memory.values.update(repeating: 0)
    let seconds = try seconds(over: world, budget: share) {
      (base + count).update(from: base, count: count)
    }
    return 8 * Double(count) / seconds
  }

  private func products() throws -> [ComputeRates.Product] {
    let shapes = [
      (16, 1024, 1024), (64, 256, 256), (64, 1024, 1024), (64, 4096, 1024), (64, 1024, 64),
      (256, 1024, 1024),
    ]
    return try shapes.map { rows, inputs, outputs in
      var products = DenseProducts<Float>()
      let input = Tensor<Float>(repeating: 0.5, shape: [rows, inputs])
      let weight = Tensor<Float>(repeating: 0.25, shape: [outputs, inputs])
      let output = Tensor<Float>(repeating: 0.125, shape: [rows, outputs])
      func time(_ body: () -> Void) throws -> Double {
        try seconds(over: world, budget: share / 4, body)
      }
      return ComputeRates.Product(
        rows: rows, inputs: inputs, outputs: outputs,
        forward: try time { products.multiply(input, weight, from: nil, to: output) },
        weightGradient: try time {
          products.setWeightGradient(of: input, output, keep: false, to: weight)
        }, inputGradient: try time { products.multiplyBack(output, weight, to: input) })
    }
  }

  private func convolutionRate() throws -> Double {
    let layer = Conv2D<Float>(inputChannels: 32, outputChannels: 64, kernel: 3, padding: 1)
    let input: Shape = [14, 14, 32]
    let network = try Network(layer, input: input)
    let batch = Tensor<Float>(repeating: 0.5, shape: input.batch(of: 8))
    let seconds = try seconds(over: world, budget: share) { _ = try network.forward(batch) }
    return try 8 * layer.work(for: input).operations / seconds
  }

  // MARK: Overlap

  /// Measures products during an all-reduce, and both alone, to find how much they slow each other down.
  private func overlap() throws -> MachineProfile.Overlap {
    // As much as a dense layer of a training step computes from one look at the messages to the next.
    let (rows, inputs, outputs) = (64, 512, 256)
    var products = DenseProducts<Float>()
    let input = Tensor<Float>(repeating: 0.5, shape: [rows, inputs])
    let weight = Tensor<Float>(repeating: 0.25, shape: [outputs, inputs])
    let output = Tensor<Float>(repeating: 0.125, shape: [rows, outputs])
    let piece = try seconds(over: world, budget: share) {
      products.multiply(input, weight, from: nil, to: output)
    }
    let arena = try Arena<Float>(count: 1 << 20, over: world)
    // The number of elements grows until an all-reduce takes more than 0.04 s.
    var count = 64 << 10
    var link = 0.0
    while true {
      link = try seconds(over: world, budget: share) {
        try world.startAllReduce(arena[0..<count], .sum).wait()
      }
      if link > 0.04 || count == arena.count { break }
      count *= 2
    }
    var both: [(seconds: Double, pieces: Int)] = []
    for _ in 0..<3 {
      try world.barrier()
      let from = clock.now
      let pending = try world.startAllReduce(arena[0..<count], .sum)
      var pieces = 0
      var isDone = false
      while !isDone {
        products.multiply(input, weight, from: nil, to: output)
        pieces += 1
        isDone = pending.isComplete
      }
      both.append(((clock.now - from) / .seconds(1), pieces))
      try pending.wait()
    }
    let middle = both.sorted { $0.seconds < $1.seconds }[1]
    let compute = max(1, middle.seconds / Double(max(middle.pieces, 1)) / piece)
    return MachineProfile.Overlap(
      computeSlowDown: try world.allReduce(compute, .maximum),
      linkSlowDown: try world.allReduce(max(1, middle.seconds / link), .maximum))
  }
}

extension [Double] {
  /// The median (the upper of the two middle values of an even number); 0 if there are no values.
  var median: Double {
    guard !isEmpty else { return 0 }
    return sorted()[count / 2]
  }
}

extension ArraySlice<TimeCurve.Point> {
  /// The seconds per byte between the first and the last point; nil if bytes or seconds do not grow.
  fileprivate var slope: Double? {
    guard let first, let last, last.bytes > first.bytes, last.seconds > first.seconds else {
      return nil
    }
    return (last.seconds - first.seconds) / (last.bytes - first.bytes)
  }
}
