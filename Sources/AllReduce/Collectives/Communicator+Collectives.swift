public import AllReduceMPI

extension Communicator {
  /// Returns the algorithm that runs if a caller asks for `requested`.
  ///
  /// - Parameters:
  ///   - requested: Any algorithm; all except `automatic` are returned as they are.
  ///   - count: The number of elements per rank.
  ///   - type: The element type.
  ///   - isInArena: Whether the elements are in an ``Arena``.
  ///   - wireFormat: The format of the elements in messages.
  /// - Returns: An algorithm that is not `automatic`.
  package func algorithm<Scalar: ReducibleScalar>(
    for requested: ReductionAlgorithm, count: Int, of type: Scalar.Type, isInArena: Bool = false,
    wireFormat: WireFormat = .full
  ) -> ReductionAlgorithm {
    resolve(
      requested, bytes: count * wireFormat.stride(of: Scalar.scalarType),
      over: isInArena ? .arena : .array)
  }

  /// The file of measured choices that `automatic` follows on this communicator; nil if `automatic` uses the built-in
  /// choices.
  ///
  /// The same on all ranks: rank 0 reads the file when MPI starts. A file that cannot be used ends the job when this
  /// property is read, or at the communicator's first collective. `docs/schemas.md` says where the library looks for
  /// the file.
  package var tuningFile: String? {
    choices.isMeasured ? TuningText.ofJob?.file : nil
  }

  /// The algorithms that `automatic` chooses on this communicator.
  @inline(__always)
  private var choices: Choices { hostPath?.pointee.choices ?? CollectiveState.of(self).choices }

  /// Returns the algorithm that runs for an all-reduce of `bytes` bytes on the wire if a caller asks for `requested`.
  @inline(__always)
  func resolve(
    _ requested: ReductionAlgorithm, bytes: Int, over path: AutomaticChoice.Path
  ) -> ReductionAlgorithm {
    if requested.kind != .automatic { return requested }
    let chosen = choices.algorithm(bytes: bytes, over: path)
    guard let segment = requested.segmentBytes else { return chosen }
    return chosen.segmented(bytes: segment)
  }

  /// Returns the algorithm for a collective that can only run as a schedule: the requested one, or the automatic choice
  /// if that is automatic, shared memory or hierarchical.
  func resolveToSchedule(
    _ requested: ReductionAlgorithm, _ collective: Collective = .allReduce, bytes: Int
  ) -> ReductionAlgorithm {
    choices.schedule(for: requested, collective, bytes: bytes)
  }

  /// Runs a collective on the caller's memory, and waits until it completes.
  func run(
    _ collective: Collective, on base: UnsafeMutableRawPointer?, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm, wireFormat: WireFormat,
    name: UInt64
  ) throws {
    operation.checkIsDefined(for: type)
    let bytes = count &* wireFormat.stride(of: type)
    checkCanNarrow(algorithm, wireFormat)
    if size == 1 { return }
    let chosen =
      if case .allReduce = collective {
        resolve(algorithm, bytes: bytes, over: .array)
      } else {
        resolveToSchedule(algorithm, collective, bytes: bytes)
      }
    let call = collective.call(
      operation, type, count: count, by: chosen, wireFormat: wireFormat, name: name)
    guard let base, count > 0 else {
      try meet(call)
      return try counter.end()
    }
    switch chosen.kind {
    case .native:
      try runNatively(collective, on: base, count: count, type, operation, name: name)
      try counter.end()
    case .sharedMemory: try reduceInSharedMemory(base, count: count, type, operation, call)
    case .hierarchical:
      try asOneCall {
        // The all-reduces of the pieces hash this call, too.
        _ = try counter.begin(call)
        try reduceHierarchically(
          base, count: count, type, operation, using: algorithm, wireFormat: wireFormat)
      }
    default:
      let ticket = try counter.begin(call)
      try wait(
        for: start(
          collective, ticket, on: base, count: count, ReductionKernel.of(operation, type),
          using: chosen, wireFormat: wireFormat))
      try counter.end()
    }
  }

  /// Refuses a 16-bit wire format for MPI's own algorithms, which cannot convert the elements that they send.
  private func checkCanNarrow(_ algorithm: ReductionAlgorithm, _ wireFormat: WireFormat) {
    precondition(
      wireFormat == .full || algorithm.kind != .native,
      "The algorithm native is MPI's own and cannot send elements as \(wireFormat): choose another "
        + "algorithm, or the wire format full.")
  }

  /// Starts a collective that has a schedule.
  @inline(__always)
  func start(
    _ collective: Collective, _ ticket: Ticket, on base: UnsafeMutableRawPointer, count: Int,
    _ kernel: ReductionKernel, using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) -> MessageRuns.Run {
    agreement.endOldCalls()
    return CollectiveState.of(self).runs.start(
      MessageRuns.Key(
        collective, algorithm, count: count, stride: kernel.stride, wireFormat: wireFormat,
        hosts: hosts.count),
      ticket, on: base, kernel, over: self)
  }

  /// Starts a call without elements. Its messages carry one number only, so that ranks that make different calls notice
  /// it.
  func startEmpty(_ call: Call) throws -> PendingReduction {
    var call = call
    if isOnOneHost { call.isStarted = true }
    let ticket = try counter.begin(call)
    let run = start(
      .allReduce, ticket, on: CollectiveState.of(self).nothing, count: 1,
      ReductionKernel.of(.maximum, .int32), using: .recursiveDoubling, wireFormat: .full)
    add(run)
    return PendingReduction(run: run, communicator: self)
  }

  private func runNatively(
    _ collective: Collective, on base: UnsafeMutableRawPointer, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, name: UInt64
  ) throws {
    let kernel = ReductionKernel.of(operation, type)
    let blocks = BlockPartition(count: count, parts: size)
    switch collective {
    case .allReduce:
      try allReduceNatively(base, count: count, type: type, operation: operation, name: name)
      kernel.finish?(base, count, size)
    case .reduce(let root):
      try reduceNatively(base, count: count, type: type, operation: operation, to: root, name: name)
      if rank == root { kernel.finish?(base, count, size) }
    case .broadcast(let root):
      try broadcastNatively(
        UnsafeMutableRawBufferPointer(start: base, count: count * type.stride), from: root,
        of: type, name: name)
    case .reduceScatter:
      try reduceScatterNatively(
        base, counts: blocks.counts, type: type, operation: operation, name: name)
      kernel.finish?(base + blocks[rank].lowerBound * type.stride, blocks[rank].count, size)
    case .allToAll:
      let exchanged = ExchangedBlocks(count: count, ranks: size)
      try allToAllNatively(
        base, into: base + exchanged.arriving(from: 0).lowerBound * type.stride,
        countPerRank: exchanged.length, type: type, name: name)
    case .allGather:
      try allGatherNatively(base, counts: blocks.counts, type: type, name: name)
    }
  }
}

extension Communicator {
  /// All-reduces every rank's elements in place: combines them, and gives every rank the result.
  ///
  /// Collective: all ranks must call it, in the same order, with the same count, operation, algorithm, wire format and
  /// name. If they do not, all of them throw, and no rank gets a wrong result. The result is bitwise identical on all
  /// ranks, and in every run with the same number of ranks and the same algorithm. Only the first call of a kind
  /// allocates memory.
  ///
  /// - Parameters:
  ///   - values: This rank's elements; afterwards the result.
  ///   - operation: How the elements are combined; a mean needs floating-point elements.
  ///   - algorithm: The algorithm that sends and combines the elements. `docs/algorithms.md` has the steps and bytes of
  ///     each algorithm.
  ///   - wireFormat: The format of `Float` elements in messages. With a 16-bit format, the result is rounded to that
  ///     format. A sum over p ranks whose values stay in the format's normal range is off by at most
  ///     `((1 + u)^R (1 + 2^-24)^p - 1) Σ|xᵢ|`, with u = `WireFormat.unitRoundoff` and R = p for the ring, 2 for
  ///     flatTree and gatherAndReduce, ⌊log₂ p⌋ + 1 for the others, or + 2 for recursive doubling and halving-doubling
  ///     if p is not a power of two. For `hierarchical`, p is the number of hosts, and a mean is divided after the
  ///     rounding. With `sharedMemory`, no elements are sent and none are rounded. A precondition refuses a 16-bit
  ///     format for elements other than `Float`, and for `native`.
  ///   - name: A name for the call, the same on all ranks. With names, ranks that make otherwise equal calls in
  ///     different orders throw.
  /// - Throws: ``MPIError``. If ranks make different calls, every rank throws, and the error names both calls.
  ///
  /// `MPI_Allreduce`
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    try allReduce(
      UnsafeMutableRawPointer(values.baseAddress), count: values.count, Scalar.scalarType,
      operation, using: algorithm, wireFormat: wireFormat, name: CallName.hash(of: name))
  }

  /// Same as the all-reduce of a buffer, but not generic.
  @usableFromInline
  func allReduce(
    _ base: UnsafeMutableRawPointer?, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm, wireFormat: WireFormat,
    name: UInt64
  ) throws {
    if try reduceFewInSharedMemory(
      base, count: count, type, operation, using: algorithm, wireFormat: wireFormat, name: name)
    {
      return
    }
    try run(
      .allReduce, on: base, count: count, type, operation, using: algorithm, wireFormat: wireFormat,
      name: name)
  }

  /// Same as the all-reduce of a buffer, on the array's elements in place.
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ values: inout [Scalar], _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try allReduce($0, operation, using: algorithm, wireFormat: wireFormat, name: name)
    }
  }

  /// Same as the all-reduce of a buffer, on the span's elements in place.
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ values: inout MutableSpan<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try allReduce($0, operation, using: algorithm, wireFormat: wireFormat, name: name)
    }
  }

  /// Runs MPI's own all-reduce without the check that all ranks make the same call, to measure it. Ranks that disagree
  /// get wrong numbers.
  package func allReduceBare<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation
  ) throws {
    let type = Scalar.scalarType
    guard let base = UnsafeMutableRawPointer(values.baseAddress), size > 1 else { return }
    try allReduceBare(base, count: values.count, type: type, operation: operation)
    ReductionKernel.of(operation, type).finish?(base, values.count, size)
  }

  /// All-reduces one number per rank, and returns the result. Collective: all ranks must call it.
  public func allReduce<Scalar: ReducibleScalar>(
    _ value: Scalar, _ operation: ReductionOperation, name: String? = nil
  ) throws -> Scalar {
    var value = value
    try withUnsafeMutablePointer(to: &value) {
      try allReduce(UnsafeMutableBufferPointer(start: $0, count: 1), operation, name: name)
    }
    return value
  }

  /// Starts a non-blocking all-reduce; ``PendingReduction/wait()`` completes it.
  ///
  /// Collective, as ``allReduce(_:_:using:wireFormat:name:)-(UnsafeMutableBufferPointer<Scalar>,_,_,_,_)``. Ranks must
  /// start their all-reduces in the same order, and may wait for them in any order. Several may be in flight; all of
  /// them make progress whenever this rank waits for anything. The elements are sent in messages; elements in an
  /// ``Arena`` need no messages within a host. MPI's own algorithm (`native`) has completed when this function returns.
  ///
  /// - Parameters:
  ///   - values: Memory that must stay valid, and that the caller must not access, until the wait is over.
  ///   - operation: How the elements are combined.
  ///   - requested: The algorithm that sends and combines the elements.
  ///   - wireFormat: The format of `Float` elements in messages, as in the blocking call.
  ///   - name: A name for the call, as in the blocking call.
  /// - Returns: The handle to wait on.
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iallreduce`
  public func startAllReduce<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation,
    using requested: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws -> PendingReduction {
    try startAllReduce(
      values, operation, using: requested, wireFormat: wireFormat, named: CallName.hash(of: name))
  }

  func startAllReduce<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation,
    using requested: ReductionAlgorithm, wireFormat: WireFormat, named name: UInt64
  ) throws -> PendingReduction {
    let type = Scalar.scalarType
    if size == 1 || requested.kind == .native {
      try run(
        .allReduce, on: UnsafeMutableRawPointer(values.baseAddress), count: values.count, type,
        operation, using: requested, wireFormat: wireFormat, name: name)
      return PendingReduction(communicator: self)
    }
    operation.checkIsDefined(for: type)
    let algorithm = resolveToSchedule(
      requested, bytes: values.count * wireFormat.stride(of: type))
    return try start(
      .allReduce, values, operation, using: algorithm, wireFormat: wireFormat, named: name)
  }
}
