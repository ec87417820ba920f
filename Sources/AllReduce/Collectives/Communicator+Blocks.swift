public import AllReduceMPI

extension Communicator {
  /// Sends the root's elements to every rank.
  ///
  /// Collective: all ranks must call it with the same count, root and algorithm.
  ///
  /// - Parameters:
  ///   - values: On the root, the elements to send; on other ranks, memory that is overwritten with the root's
  ///     elements.
  ///   - root: The rank whose elements are sent.
  ///   - algorithm: The algorithm that sends the elements.
  ///   - wireFormat: The format of `Float` elements in messages; with a 16-bit format, the root's own elements are
  ///     rounded too, so that all ranks have the same bits.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Throws: ``MPIError``. If ranks make different calls, every rank throws, and the error names both calls.
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
  /// Collective: all ranks must call it with the same count, operation, root and algorithm. The reduction is in place:
  /// on ranks other than the root, the elements are partial results afterwards.
  ///
  /// - Parameters:
  ///   - values: This rank's elements; on the root, the result afterwards.
  ///   - operation: How the elements are combined.
  ///   - root: The rank that gets the result.
  ///   - algorithm: The algorithm that sends and combines the elements.
  ///   - wireFormat: The format of `Float` elements in messages; the result itself keeps 32 bits.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Throws: ``MPIError``. If ranks make different calls, every rank throws, and the error names both calls.
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

  /// Combines every rank's elements, and leaves one block of the result on each rank.
  ///
  /// Collective: all ranks must call it with the same count, operation and algorithm. The operation is in place:
  /// outside this rank's block, the elements are partial results afterwards.
  ///
  /// - Parameters:
  ///   - values: This rank's elements.
  ///   - operation: How the elements are combined.
  ///   - algorithm: The algorithm that sends and combines the elements.
  ///   - wireFormat: The format of `Float` elements in messages; this rank's block of the result keeps 32 bits, unless
  ///     it had to be sent to this rank at the end.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Returns: The range of this rank's block, `BlockPartition(count: values.count, parts: size)[rank]`.
  /// - Throws: ``MPIError``. If ranks make different calls, every rank throws, and the error names both calls.
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

  /// All-gathers a vector in place: each rank contributes its own block, and every rank gets all blocks.
  ///
  /// Collective: all ranks must call it with the same count and algorithm.
  ///
  /// - Parameters:
  ///   - values: The vector. Before the call, it has this rank's block,
  ///     `BlockPartition(count: values.count, parts: size)[rank]`; afterwards, it has all blocks.
  ///   - algorithm: The algorithm that sends the blocks.
  ///   - wireFormat: The format of `Float` elements in messages; with a 16-bit format, this rank's own block is rounded
  ///     too, so that all ranks have the same bits.
  ///   - name: A name for the call, the same on all ranks, as in `allReduce`.
  /// - Throws: ``MPIError``. If ranks make different calls, every rank throws, and the error names both calls.
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

  /// Returns the elements of all ranks, one rank after the other in rank order. Ranks may have different counts.
  ///
  /// Collective: all ranks must call it. `MPI_Allgather` of the counts, `MPI_Allgatherv`
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

  /// On the root, returns the elements of all ranks, one rank after the other in rank order; on other ranks, nil.
  ///
  /// Collective: all ranks must call it. Ranks may have different counts. `MPI_Gatherv`
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

  /// Scatters the root's elements, and returns this rank's part of them.
  ///
  /// Collective: all ranks must call it. `MPI_Scatterv`
  ///
  /// - Parameters:
  ///   - values: On the root, all elements, `counts.reduce(0, +)` of them; ignored on other ranks.
  ///   - counts: The number of elements that each rank gets, the same on all ranks; nil for blocks whose sizes differ
  ///     by at most one (``BlockPartition``). With nil, the ranks first learn the total by an all-gather of one number.
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

  /// Sends block i of this rank's elements to rank i, and returns the blocks that this rank received, in rank order.
  ///
  /// Collective: all ranks must call it with the same count, which must be a multiple of the number of ranks.
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
  /// Returns an array of zeros. Where the compiler does not know the element type, `init(repeating:count:)` would set
  /// one element after the other (2 ns each).
  fileprivate static func zeros(_ count: Int) -> [Element] {
    [Element](unsafeUninitializedCapacity: count) { memory, initialized in
      UnsafeMutableRawBufferPointer(memory).initializeMemory(as: UInt8.self, repeating: 0)
      initialized = count
    }
  }
}
