internal import AllReduceMPI
internal import AllReduceNN

extension ModelParallel {
  /// The numbers that the network learns, each counted once whoever holds it.
  public var parameterCount: Int {
    network.parameters.reduce(0) { $0 + $1.wholeShape.count }
  }

  /// The sum of the squares of the whole gradient, each parameter counted once, for clipping by the global
  /// norm. Collective.
  ///
  /// - Returns: The same on all ranks.
  /// - Throws: ``MPIError``.
  /// - Precondition: There is an optimizer.
  public func gradientSquares() throws -> Double { try exchange.gradientSquares() }

  /// The checksum of all weights, after making sure that ranks that hold the same have the same bits: those
  /// with the same shard, and all ranks for what is not divided. Collective.
  ///
  /// - Returns: The same on all ranks; it depends on how many share the weights.
  /// - Throws: ``AgreedError`` on every rank, with exit code 1, naming those that differ.
  public func checksum() throws -> UInt64 {
    let (whole, shards) = (checksum { $0.shard == nil }, checksum { $0.shard != nil })
    try requireEqual(whole, "weights that are not divided", grid.world)
    try requireEqual(shards, "weights of the same shard", grid.data)
    let all = try grid.model.allGatherNatively(Int(truncatingIfNeeded: shards))
    return (all + [Int(truncatingIfNeeded: whole)]).withUnsafeBytes { WeightChecksum.of($0) }
  }

  private func requireEqual(_ sum: UInt64, _ what: String, _ group: Communicator) throws {
    try group.requireEqual(Int(truncatingIfNeeded: sum), what) {
      "the checksum " + WeightChecksum.text(UInt64(bitPattern: Int64($0)))
    }
  }

  private func checksum(_ isMeant: (Parameter<Scalar>) -> Bool) -> UInt64 {
    let sums = network.layout.parameters.filter(isMeant).map {
      WeightChecksum.of(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer($0.values.values)))
    }
    return sums.withUnsafeBytes { WeightChecksum.of($0) }
  }

  /// Every parameter of the whole network, by its place in the order of the forward pass. Collective over
  /// the model group; takes the memory of the whole.
  ///
  /// - Returns: Values and gradients, the same on all ranks of the group.
  /// - Throws: ``MPIError``.
  public func gatheredParameters() throws -> [(name: String, values: [Scalar], gradient: [Scalar])]
  {
    try network.parameters.map {
      (
        $0.name, try $0.gathered(\.values, over: grid.model),
        try $0.gathered(\.gradient, over: grid.model)
      )
    }
  }
}

extension Network {
  /// Tells networks apart whose parameters, each taken whole, or seeds are different.
  var wholeFingerprint: UInt64 {
    let text =
      parameters.map { "\($0.wholeShape)" }.joined(separator: "\n") + " \(inputShape) \(pass.seed)"
    return Array(text.utf8).withUnsafeBytes { WeightChecksum.of($0) }
  }
}
