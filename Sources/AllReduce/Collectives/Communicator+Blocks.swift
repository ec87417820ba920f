public import AllReduceMPI

extension Communicator {
  /// Gives every rank the root's elements.
  ///
  /// Collective: all ranks must call it with the same count, root and algorithm.
  ///
  /// - Parameters:
  ///   - values: On the root the elements to send; on other ranks they are overwritten.
  ///   - root: The rank whose elements are sent.
  ///   - algorithm: How they travel.
  ///   - wireFormat: The format of `Float` elements in messages; with a 16-bit format the root's own
  ///     are rounded too, so that all ranks hold the same bits.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Throws: ``MPIError``; where ranks make different calls, on every rank, with both calls.
  ///
  /// `MPI_Bcast`
  public func broadcast<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, from root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    checkRoot(root)
    try run(
      .broadcast(root: root), on: UnsafeMutableRawPointer(values.baseAddress),
      count: values.count, Scalar.scalarType, .sum,
      using: algorithm.kind == .automatic
        ? ReductionAlgorithm(.tree, segmentBytes: algorithm.segmentBytes) : algorithm,
      wireFormat: wireFormat, name: CallName.hash(of: name))
  }

  /// Same as the broadcast of a buffer, on the array's elements in place.
  public func broadcast<Scalar: ReducibleScalar>(
    _ values: inout [Scalar], from root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try broadcast($0, from: root, using: algorithm, wireFormat: wireFormat, name: name)
    }
  }

  /// Combines every rank's elements on the root.
  ///
  /// Collective: all ranks must call it with the same count, operation, root and algorithm. It works
  /// in place: on the other ranks the elements are partial results afterwards.
  ///
  /// - Parameters:
  ///   - values: This rank's elements; on the root, the result afterwards.
  ///   - operation: How they are combined.
  ///   - root: The rank that gets the result.
  ///   - algorithm: How they travel.
  ///   - wireFormat: The format of `Float` elements in messages; the result itself keeps 32 bits.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Throws: ``MPIError``; where ranks make different calls, on every rank, with both calls.
  ///
  /// `MPI_Reduce`
  public func reduce<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation, to root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    checkRoot(root)
    try run(
      .reduce(root: root), on: UnsafeMutableRawPointer(values.baseAddress), count: values.count,
      Scalar.scalarType, operation,
      using: algorithm.kind == .automatic
        ? ReductionAlgorithm(.tree, segmentBytes: algorithm.segmentBytes) : algorithm,
      wireFormat: wireFormat, name: CallName.hash(of: name))
  }

  /// Same as the reduce of a buffer, on the array's elements in place.
  public func reduce<Scalar: ReducibleScalar>(
    _ values: inout [Scalar], _ operation: ReductionOperation, to root: Int,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try reduce($0, operation, to: root, using: algorithm, wireFormat: wireFormat, name: name)
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
  ///   - wireFormat: The format of `Float` elements in messages; the block itself keeps 32 bits, unless
  ///     it had to be sent to this rank at the end.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Returns: This rank's block, `BlockPartition(count: values.count, parts: size)[rank]`.
  /// - Throws: ``MPIError``; where ranks make different calls, on every rank, with both calls.
  ///
  /// `MPI_Reduce_scatter`
  public func reduceScatter<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws -> Range<Int> {
    try run(
      .reduceScatter, on: UnsafeMutableRawPointer(values.baseAddress), count: values.count,
      Scalar.scalarType, operation, using: algorithm, wireFormat: wireFormat,
      name: CallName.hash(of: name))
    return BlockPartition(count: values.count, parts: size)[rank]
  }

  /// Same as the reduce-scatter of a buffer, but returns the elements of this rank's block.
  public func reduceScatter<Scalar: ReducibleScalar>(
    _ values: [Scalar], _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws -> [Scalar] {
    var values = values
    let block = try values.withUnsafeMutableBufferPointer {
      try reduceScatter($0, operation, using: algorithm, wireFormat: wireFormat, name: name)
    }
    return Array(values[block])
  }

  /// Gathers all blocks of a vector on every rank, in place. Before the call each rank has its own block.
  ///
  /// Collective: all ranks must call it with the same count and algorithm.
  ///
  /// - Parameters:
  ///   - values: The vector; this rank's block is `BlockPartition(count: values.count, parts:
  ///     size)[rank]`. Afterwards all of it.
  ///   - algorithm: How the blocks travel.
  ///   - wireFormat: The format of `Float` elements in messages; with a 16-bit format the rank's own
  ///     block is rounded too, so that all ranks hold the same bits.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Throws: ``MPIError``; where ranks make different calls, on every rank, with both calls.
  ///
  /// `MPI_Allgatherv`
  public func allGather<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    try run(
      .allGather, on: UnsafeMutableRawPointer(values.baseAddress), count: values.count,
      Scalar.scalarType, .sum, using: algorithm, wireFormat: wireFormat,
      name: CallName.hash(of: name))
  }

  /// The elements of all ranks, one after the other in rank order; ranks may have different counts.
  ///
  /// Collective. `MPI_Allgather` of the counts, `MPI_Allgatherv`
  ///
  /// - Throws: ``MPIError``.
  public func allGather<Scalar: ReducibleScalar>(
    _ values: [Scalar], name: String? = nil
  ) throws -> [Scalar] {
    try asOneCall {
      let (type, name) = (Scalar.scalarType, CallName.hash(of: name))
      let counts = try allGatherNatively(
        values.count, for: Call(.allGather, nil, type, count: -1, algorithm: .native, name: name))
      let start = counts[..<rank].reduce(0, +)
      var all = [Scalar].zeros(counts.reduce(0, +))
      all.replaceSubrange(start..<start + values.count, with: values)
      try all.withUnsafeMutableBytes {
        try allGatherNatively($0.baseAddress, counts: counts, type: type, name: name)
      }
      return all
    }
  }

  /// The elements of all ranks, one after the other in rank order, on the root; nil elsewhere.
  ///
  /// Collective. Ranks may have different counts. `MPI_Gatherv`
  ///
  /// - Throws: ``MPIError``.
  public func gather<Scalar: ReducibleScalar>(
    _ values: [Scalar], to root: Int, name: String? = nil
  ) throws -> [Scalar]? {
    try asOneCall {
      checkRoot(root)
      let (type, name) = (Scalar.scalarType, CallName.hash(of: name))
      let counts = try allGatherNatively(
        values.count,
        for: Call(.gather, nil, type, count: -1, algorithm: .native, root: root, name: name))
      var all = [Scalar].zeros(rank == root ? counts.reduce(0, +) : 0)
      try values.withUnsafeBytes { values in
        try all.withUnsafeMutableBytes {
          try gatherNatively(
            values, into: $0.baseAddress, counts: counts, type: type, to: root, name: name)
        }
      }
      return rank == root ? all : nil
    }
  }

  /// This rank's part of the root's elements.
  ///
  /// Collective. `MPI_Scatterv`
  ///
  /// - Parameters:
  ///   - values: On the root all elements, `counts.reduce(0, +)` of them; ignored elsewhere.
  ///   - counts: The number of elements that each rank gets, the same on all ranks; nil for blocks whose sizes
  ///     differ by at most one (``BlockPartition``): the other ranks then get the total from the root.
  ///   - root: The rank whose elements are scattered.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Returns: `counts[rank]` elements.
  /// - Throws: ``MPIError``.
  public func scatter<Scalar: ReducibleScalar>(
    _ values: [Scalar], counts: [Int]? = nil, from root: Int, name: String? = nil
  ) throws -> [Scalar] {
    try asOneCall {
      checkRoot(root)
      let (type, name) = (Scalar.scalarType, CallName.hash(of: name))
      let total =
        counts == nil
        ? try allGatherNatively(
          values.count,
          for: Call(.scatter, nil, type, count: -1, algorithm: .native, root: root, name: name)
        )[root] : 0
      let counts = counts ?? BlockPartition(count: total, parts: size).counts
      precondition(
        counts.count == size, "\(counts.count) counts were given for \(size) ranks.")
      precondition(
        rank != root || values.count == counts.reduce(0, +),
        "The counts add up to \(counts.reduce(0, +)), but there are \(values.count) elements.")
      var mine = [Scalar].zeros(counts[rank])
      try values.withUnsafeBytes { values in
        try mine.withUnsafeMutableBytes {
          try scatterNatively(
            values.baseAddress, counts: counts, into: $0, type: type, from: root, name: name)
        }
      }
      return mine
    }
  }

  /// Sends block i of this rank's elements to rank i, and returns the blocks that the ranks sent here,
  /// in rank order.
  ///
  /// Collective: all ranks must call it with the same count, a multiple of the number of ranks.
  /// `MPI_Alltoall`
  ///
  /// - Throws: ``MPIError``.
  public func allToAll<Scalar: ReducibleScalar>(
    _ values: [Scalar], name: String? = nil
  ) throws -> [Scalar] {
    precondition(
      values.count % size == 0,
      "\(values.count) elements cannot be dealt out evenly to \(size) ranks.")
    var received = values
    try values.withUnsafeBytes { values in
      try received.withUnsafeMutableBytes {
        try allToAllNatively(
          values.baseAddress, into: $0.baseAddress,
          countPerRank: values.count
            / MemoryLayout<Scalar>.stride / size, type: Scalar.scalarType,
          name: CallName.hash(of: name))
      }
    }
    return received
  }

  private func checkRoot(_ root: Int) {
    precondition(root >= 0 && root < size, "The root is rank \(root), but ranks are 0..<\(size).")
  }
}

extension Array where Element: ReducibleScalar {
  /// An array of zeros. Where the compiler does not know the type, `init(repeating:count:)` sets one after the
  /// other (2 ns each).
  fileprivate static func zeros(_ count: Int) -> [Element] {
    [Element](unsafeUninitializedCapacity: count) { memory, initialized in
      UnsafeMutableRawBufferPointer(memory).initializeMemory(as: UInt8.self, repeating: 0)
      initialized = count
    }
  }
}
