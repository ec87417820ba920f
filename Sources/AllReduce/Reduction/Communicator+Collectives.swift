public import AllReduceMPI

extension Communicator {
  /// The algorithm that runs when `requested` is asked for.
  ///
  /// - Parameters:
  ///   - requested: Any algorithm; all but `automatic` stand for themselves.
  ///   - count: Elements a rank.
  ///   - type: The element type.
  ///   - isInArena: Whether the elements are in an ``Arena``.
  ///   - wireFormat: How the elements are to travel.
  /// - Returns: An algorithm that is not `automatic`.
  public func algorithm<Scalar: ReducibleScalar>(
    for requested: ReductionAlgorithm, count: Int, of type: Scalar.Type, isInArena: Bool = false,
    wireFormat: WireFormat = .full
  ) -> ReductionAlgorithm {
    resolve(
      requested, bytes: count * wireFormat.stride(of: Scalar.scalarType),
      over: isInArena ? .arena : .array)
  }

  /// The file of measured choices that `automatic` follows on this communicator; nil where its choices
  /// are built in.
  ///
  /// The same on all ranks: rank 0 reads the file when MPI starts. One that cannot be used ends the job
  /// here, or at the communicator's first collective. `docs/schemas.md` says where the file is looked for.
  public var tuningFile: String? {
    choices.isMeasured ? TuningText.ofJob?.file : nil
  }

  /// What `automatic` takes here.
  @inline(__always)
  private var choices: Choices { hostPath?.pointee.choices ?? CollectiveState.of(self).choices }

  /// What runs for an all-reduce of so many bytes, as they travel, when `requested` is asked for.
  @inline(__always)
  func resolve(
    _ requested: ReductionAlgorithm, bytes: Int, over path: AutomaticChoice.Path
  ) -> ReductionAlgorithm {
    if requested.kind != .automatic { return requested }
    let chosen = choices.algorithm(bytes: bytes, over: path)
    guard let segment = requested.segmentBytes else { return chosen }
    return chosen.segmented(bytes: segment)
  }

  /// What runs for a collective that has only schedules: the requested algorithm's, if it has one.
  func resolveToSchedule(
    _ requested: ReductionAlgorithm, _ collective: Collective = .allReduce, bytes: Int
  ) -> ReductionAlgorithm {
    switch requested.kind {
    case .automatic, .sharedMemory, .hierarchical:
      let chosen =
        if case .allReduce = collective {
          choices.algorithm(bytes: bytes, over: .messages)
        } else {
          choices.algorithmOfOthers(bytes: bytes)
        }
      return requested.segmentBytes.map { chosen.segmented(bytes: $0) } ?? chosen
    default: return requested
    }
  }

  /// Runs a collective on memory of the caller and waits for its end.
  func run(
    _ collective: Collective, on base: UnsafeMutableRawPointer?, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) throws {
    operation.checkIsDefined(for: type)
    let bytes = count &* wireFormat.stride(of: type)
    checkCanNarrow(algorithm, wireFormat)
    guard let base, count > 0, size > 1 else { return }
    let chosen =
      if case .allReduce = collective {
        resolve(algorithm, bytes: bytes, over: .array)
      } else {
        resolveToSchedule(algorithm, collective, bytes: bytes)
      }
    switch chosen.kind {
    case .native: try runNatively(collective, on: base, count: count, type, operation)
    case .sharedMemory: try reduceInSharedMemory(base, count: count, type, operation)
    case .hierarchical:
      try reduceHierarchically(
        base, count: count, type, operation, using: algorithm, wireFormat: wireFormat)
    default:
      try wait(
        for: start(
          collective, on: base, count: count, ReductionKernel.of(operation, type), using: chosen,
          wireFormat: wireFormat))
    }
  }

  /// MPI's own algorithms send what they are given.
  private func checkCanNarrow(_ algorithm: ReductionAlgorithm, _ wireFormat: WireFormat) {
    precondition(
      wireFormat == .full || algorithm.kind != .native,
      "The algorithm native is MPI's own and cannot send elements as \(wireFormat): choose another "
        + "algorithm, or the wire format full.")
  }

  /// Starts a collective that has a schedule.
  @inline(__always)
  func start(
    _ collective: Collective, on base: UnsafeMutableRawPointer, count: Int,
    _ kernel: ReductionKernel, using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) -> MessageRuns.Run {
    let bytes =
      algorithm.segmentBytes
      ?? AutomaticChoice.segmentBytes(of: algorithm.kind, hosts: hosts.count)
    let segment = max(1, bytes / (wireFormat == .full ? kernel.stride : 2))
    return CollectiveState.of(self).runs.start(
      MessageRuns.Key(
        collective: collective, algorithm: algorithm.kind, count: count, segment: segment,
        stride: kernel.stride, wireFormat: wireFormat),
      on: base, kernel, over: self)
  }

  private func runNatively(
    _ collective: Collective, on base: UnsafeMutableRawPointer, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation
  ) throws {
    let kernel = ReductionKernel.of(operation, type)
    let blocks = BlockPartition(count: count, parts: size)
    switch collective {
    case .allReduce:
      try allReduceNatively(base, count: count, type: type, operation: operation)
      kernel.finish?(base, count, size)
    case .reduce(let root):
      try reduceNatively(base, count: count, type: type, operation: operation, to: root)
      if rank == root { kernel.finish?(base, count, size) }
    case .broadcast(let root):
      try broadcastNatively(
        UnsafeMutableRawBufferPointer(start: base, count: count * type.stride), from: root)
    case .reduceScatter:
      try reduceScatterNatively(
        base, counts: blocks.counts, type: type, operation: operation)
      kernel.finish?(base + blocks[rank].lowerBound * type.stride, blocks[rank].count, size)
    case .allGather:
      try allGatherNatively(base, counts: blocks.counts, type: type)
    }
  }
}

extension Communicator {
  /// Combines every rank's elements and gives each the result, in place.
  ///
  /// Collective: all ranks must call it, in the same order, with the same count, operation, algorithm
  /// and wire format. The result is bitwise the same on all ranks and in every run with as many ranks and
  /// the same algorithm. Nothing is allocated after the first call of a kind.
  ///
  /// - Parameters:
  ///   - values: This rank's elements; afterwards the result.
  ///   - operation: How they are combined; a mean needs floating-point elements.
  ///   - algorithm: How they travel. Steps and bytes of each: `docs/algorithms.md`.
  ///   - wireFormat: In how many bits `Float` elements travel as messages. With a 16-bit format the
  ///     result is rounded to it. A sum whose values stay in the format's normal range is off by at
  ///     most ((1 + u)^R (1 + 2^-24)^p - 1) Σ|xᵢ|, with u = ``WireFormat/unitRoundoff`` and R = p for
  ///     the ring, 2 for flatTree and gatherAndReduce, ⌊log₂ p⌋ + 1 for the others, or + 2 for recursive
  ///     doubling and halving-doubling where p is no power of two. In `hierarchical` hosts count instead of
  ///     ranks, and a mean is divided after the rounding. In `sharedMemory` nothing travels, and nothing is
  ///     rounded. A precondition refuses a 16-bit format for other elements than `Float`, and for `native`.
  /// - Throws: ``MPIError``, also where ranks disagree about the count.
  ///
  /// `MPI_Allreduce`
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    try allReduce(
      UnsafeMutableRawPointer(values.baseAddress), count: values.count, Scalar.scalarType,
      operation, using: algorithm, wireFormat: wireFormat)
  }

  /// As `allReduce` of a buffer, which is generic.
  @usableFromInline
  func allReduce(
    _ base: UnsafeMutableRawPointer?, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) throws {
    try run(
      .allReduce, on: base, count: count, type, operation, using: algorithm, wireFormat: wireFormat)
  }

  /// As `allReduce` of a buffer.
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ values: inout [Scalar], _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try allReduce($0, operation, using: algorithm, wireFormat: wireFormat)
    }
  }

  /// As `allReduce` of a buffer.
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ values: inout MutableSpan<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    try values.withUnsafeMutableBufferPointer {
      try allReduce($0, operation, using: algorithm, wireFormat: wireFormat)
    }
  }

  /// Combines one number of each rank. Collective.
  public func allReduce<Scalar: ReducibleScalar>(
    _ value: Scalar, _ operation: ReductionOperation
  ) throws -> Scalar {
    var value = value
    try withUnsafeMutablePointer(to: &value) {
      try allReduce(UnsafeMutableBufferPointer(start: $0, count: 1), operation)
    }
    return value
  }

  /// Starts an all-reduce and returns; ``PendingReduction/wait()`` ends it.
  ///
  /// Collective, as ``allReduce(_:_:using:wireFormat:)-(UnsafeMutableBufferPointer<Scalar>,_,_,_)``;
  /// ranks must start them in the same order, and may end them in any. Several may be under way; all of them
  /// move whenever this rank waits for anything. They travel as messages; elements in an ``Arena`` need
  /// none on a host. MPI's own algorithm (`native`) has ended when this returns.
  ///
  /// - Parameters:
  ///   - values: Memory that stays where it is, and is not touched, until the wait is over.
  ///   - operation: How the elements are combined.
  ///   - requested: How they travel.
  ///   - wireFormat: In how many bits `Float` elements travel, as there.
  /// - Returns: What the end is waited for by.
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iallreduce`
  public func startAllReduce<Scalar: ReducibleScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, _ operation: ReductionOperation,
    using requested: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws -> PendingReduction {
    let type = Scalar.scalarType
    let kernel = ReductionKernel.of(operation, type)
    guard let base = UnsafeMutableRawPointer(values.baseAddress), values.count > 0, size > 1,
      requested.kind != .native
    else {
      try allReduce(values, operation, using: requested, wireFormat: wireFormat)
      return PendingReduction(communicator: self)
    }
    let algorithm = resolveToSchedule(
      requested, bytes: values.count * wireFormat.stride(of: type))
    let run = start(
      .allReduce, on: base, count: values.count, kernel, using: algorithm, wireFormat: wireFormat)
    add(run)
    return PendingReduction(run: run, communicator: self)
  }
}
