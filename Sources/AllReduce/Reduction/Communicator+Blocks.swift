public import AllReduceMPI

extension Communicator {
  /// Gives every rank the root's elements.
  ///
  /// Collective: all ranks must call it with the same count, root and algorithm.
  ///
  /// - Parameters:
  ///   - values: On the root what is sent, elsewhere where it goes.
  ///   - root: The rank that has them.
  ///   - algorithm: How they travel.
  ///   - wireFormat: In how many bits `Float` elements travel; with a 16-bit format the root's own
  ///     are rounded too, so that all ranks hold the same bits.
  /// - Throws: ``MPIError``, also where ranks disagree about the count.
  ///
  /// `MPI_Bcast`
  public func broadcast<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, from root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    checkRoot(root)
    try run(
      .broadcast(root: root), on: UnsafeMutableRawPointer(values.baseAddress),
      count: values.count, Scalar.scalarType, .sum,
      using: algorithm.kind == .automatic
        ? ReductionAlgorithm(.tree, segmentBytes: algorithm.segmentBytes) : algorithm,
      wireFormat: wireFormat)
  }

  /// As `broadcast` of a buffer.
  public func broadcast<Scalar: ReducibleScalar>(
    _ values: inout [Scalar], from root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try broadcast($0, from: root, using: algorithm, wireFormat: wireFormat)
    }
  }

  /// Combines every rank's elements on the root.
  ///
  /// Collective: all ranks must call it with the same count, operation, root and algorithm. It works
  /// in place: on the other ranks the elements are partial results afterwards.
  ///
  /// - Parameters:
  ///   - values: This rank's elements; on the root afterwards the result.
  ///   - operation: How they are combined.
  ///   - root: The rank that gets the result.
  ///   - algorithm: How they travel.
  ///   - wireFormat: In how many bits `Float` elements travel; the result itself keeps 32 bits.
  /// - Throws: ``MPIError``, also where ranks disagree about the count.
  ///
  /// `MPI_Reduce`
  public func reduce<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation, to root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    checkRoot(root)
    try run(
      .reduce(root: root), on: UnsafeMutableRawPointer(values.baseAddress), count: values.count,
      Scalar.scalarType, operation,
      using: algorithm.kind == .automatic
        ? ReductionAlgorithm(.tree, segmentBytes: algorithm.segmentBytes) : algorithm,
      wireFormat: wireFormat)
  }

  /// As `reduce` of a buffer.
  public func reduce<Scalar: ReducibleScalar>(
    _ values: inout [Scalar], _ operation: ReductionOperation, to root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try reduce($0, operation, to: root, using: algorithm, wireFormat: wireFormat)
    }
  }

  /// Combines every rank's elements and leaves on each rank one block of the result.
  ///
  /// Collective: all ranks must call it with the same count, operation and algorithm. It works in
  /// place: outside the block the elements are partial results afterwards.
  ///
  /// - Parameters:
  ///   - values: This rank's elements.
  ///   - operation: How they are combined.
  ///   - algorithm: How they travel.
  ///   - wireFormat: In how many bits `Float` elements travel; the block itself keeps 32 bits, unless
  ///     it had to be sent to this rank at the end.
  /// - Returns: This rank's block, `BlockPartition(count: values.count, parts: size)[rank]`.
  /// - Throws: ``MPIError``, also where ranks disagree about the count.
  ///
  /// `MPI_Reduce_scatter`
  public func reduceScatter<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws -> Range<Int> {
    try run(
      .reduceScatter, on: UnsafeMutableRawPointer(values.baseAddress), count: values.count,
      Scalar.scalarType, operation, using: algorithm, wireFormat: wireFormat)
    return BlockPartition(count: values.count, parts: size)[rank]
  }

  /// As `reduceScatter` of a buffer; returns the elements of this rank's block.
  public func reduceScatter<Scalar: ReducibleScalar>(
    _ values: [Scalar], _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws -> [Scalar] {
    var values = values
    let block = try values.withUnsafeMutableBufferPointer {
      try reduceScatter($0, operation, using: algorithm, wireFormat: wireFormat)
    }
    return Array(values[block])
  }

  /// Gives every rank all blocks of a vector of which each rank has one, in place.
  ///
  /// Collective: all ranks must call it with the same count and algorithm.
  ///
  /// - Parameters:
  ///   - values: The vector; this rank's block is `BlockPartition(count: values.count, parts:
  ///     size)[rank]`. Afterwards all of it.
  ///   - algorithm: How the blocks travel.
  ///   - wireFormat: In how many bits `Float` elements travel; with a 16-bit format the rank's own
  ///     block is rounded too, so that all ranks hold the same bits.
  /// - Throws: ``MPIError``, also where ranks disagree about the count.
  ///
  /// `MPI_Allgatherv`
  public func allGather<Scalar: ReducibleScalar>(
    inPlace values: UnsafeMutableBufferPointer<Scalar>,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    try run(
      .allGather, on: UnsafeMutableRawPointer(values.baseAddress), count: values.count,
      Scalar.scalarType, .sum, using: algorithm, wireFormat: wireFormat)
  }

  /// The elements of all ranks, one after the other in rank order; ranks may have different counts.
  ///
  /// Collective. `MPI_Allgather` of the counts, `MPI_Allgatherv`
  ///
  /// - Throws: ``MPIError``.
  public func allGather<Scalar: ReducibleScalar>(_ values: [Scalar]) throws -> [Scalar] {
    let counts = try allGatherNatively(values.count)
    let start = counts[..<rank].reduce(0, +)
    var all = [Scalar](repeating: 0, count: counts.reduce(0, +))
    all.replaceSubrange(start..<start + values.count, with: values)
    try all.withUnsafeMutableBytes {
      try allGatherNatively($0.baseAddress, counts: counts, type: Scalar.scalarType)
    }
    return all
  }

  /// The elements of all ranks, one after the other in rank order, on the root; nil elsewhere.
  ///
  /// Collective. Ranks may have different counts. `MPI_Gatherv`
  ///
  /// - Throws: ``MPIError``.
  public func gather<Scalar: ReducibleScalar>(_ values: [Scalar], to root: Int) throws -> [Scalar]?
  {
    checkRoot(root)
    let counts = try allGatherNatively(values.count)
    var all = [Scalar](repeating: 0, count: rank == root ? counts.reduce(0, +) : 0)
    try values.withUnsafeBytes { values in
      try all.withUnsafeMutableBytes {
        try gatherNatively(
          values, into: $0.baseAddress, counts: counts, type: Scalar.scalarType, to: root)
      }
    }
    return rank == root ? all : nil
  }

  /// This rank's part of the root's elements.
  ///
  /// Collective. `MPI_Scatterv`
  ///
  /// - Parameters:
  ///   - values: On the root all elements, `counts.reduce(0, +)` of them; ignored elsewhere.
  ///   - counts: How many each rank gets, the same on all ranks; nil for blocks that differ by one at
  ///     most (``BlockPartition``), whose total the root tells the others.
  ///   - root: The rank that has them.
  /// - Returns: `counts[rank]` elements.
  /// - Throws: ``MPIError``.
  public func scatter<Scalar: ReducibleScalar>(
    _ values: [Scalar], counts: [Int]? = nil, from root: Int
  ) throws -> [Scalar] {
    checkRoot(root)
    let total = try counts == nil ? allGatherNatively(values.count)[root] : 0
    let counts = counts ?? BlockPartition(count: total, parts: size).counts
    precondition(
      counts.count == size, "\(counts.count) counts were given for \(size) ranks.")
    precondition(
      rank != root || values.count == counts.reduce(0, +),
      "The counts add up to \(counts.reduce(0, +)), but there are \(values.count) elements.")
    var mine = [Scalar](repeating: 0, count: counts[rank])
    try values.withUnsafeBytes { values in
      try mine.withUnsafeMutableBytes {
        try scatterNatively(
          values.baseAddress, counts: counts, into: $0, type: Scalar.scalarType, from: root)
      }
    }
    return mine
  }

  /// Sends block i of this rank's elements to rank i, and returns the blocks that the ranks sent here,
  /// in rank order.
  ///
  /// Collective: all ranks must call it with the same count, a multiple of the number of ranks.
  /// `MPI_Alltoall`
  ///
  /// - Throws: ``MPIError``.
  public func allToAll<Scalar: ReducibleScalar>(_ values: [Scalar]) throws -> [Scalar] {
    precondition(
      values.count % size == 0,
      "\(values.count) elements cannot be dealt out evenly to \(size) ranks.")
    var received = values
    try values.withUnsafeBytes { values in
      try received.withUnsafeMutableBytes {
        try allToAllNatively(
          values.baseAddress, into: $0.baseAddress,
          countPerRank: values.count
            / MemoryLayout<Scalar>.stride / size, type: Scalar.scalarType)
      }
    }
    return received
  }

  private func checkRoot(_ root: Int) {
    precondition(root >= 0 && root < size, "The root is rank \(root), but ranks are 0..<\(size).")
  }
}
