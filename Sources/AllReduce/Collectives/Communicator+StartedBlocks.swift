public import AllReduceMPI

extension Communicator {
  /// Starts a non-blocking all-gather of a slice, in place: each rank contributes its own block, and every rank gets
  /// all blocks.
  ///
  /// Collective, as `allGather` of a slice; ``PendingReduction/wait()`` completes it. All ranks must start a
  /// communicator's collectives in the same order. On one host, only the blocks are copied; on several hosts, blocks
  /// are sent in messages. The operation makes progress whenever this rank waits for anything or calls
  /// ``makeProgress()``.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iallgatherv`
  public func startAllGather<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, name: String? = nil
  ) throws -> PendingReduction {
    try start(.allGather, slice, .sum, name)
  }

  /// Starts a non-blocking reduce-scatter: combines every rank's slice, and leaves this rank's block of the result in
  /// its place.
  ///
  /// Collective, as ``reduceScatter(_:_:name:)`` and ``startAllGather(_:name:)``. `MPI_Ireduce_scatter`
  ///
  /// - Throws: ``MPIError``.
  public func startReduceScatter<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation, name: String? = nil
  ) throws -> PendingReduction {
    try start(.reduceScatter, slice, operation, name)
  }

  /// Starts a non-blocking broadcast of the root's slice to every rank.
  ///
  /// Collective, as `broadcast` of a slice and ``startAllGather(_:name:)``. `MPI_Ibcast`
  ///
  /// - Throws: ``MPIError``.
  public func startBroadcast<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, from root: Int, name: String? = nil
  ) throws -> PendingReduction {
    try start(.broadcast(root: root), slice, .sum, name)
  }

  /// Starts a non-blocking reduce of every rank's slice to the root; on other ranks, the slice has partial results
  /// afterwards.
  ///
  /// Collective, as `reduce` of a buffer and ``startAllGather(_:name:)``. `MPI_Ireduce`
  ///
  /// - Throws: ``MPIError``.
  public func startReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation, to root: Int, name: String? = nil
  ) throws -> PendingReduction {
    try start(.reduce(root: root), slice, operation, name)
  }

  /// Starts any collective on an arena's slice: in shared memory on one host, otherwise by messages, or by both.
  func start<Scalar: ReducibleScalar>(
    _ collective: Collective, _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation,
    _ name: String? = nil
  ) throws -> PendingReduction {
    if size == 1 { return PendingReduction(communicator: self) }
    if case .allReduce = collective { return try startAllReduce(slice, operation, name: name) }
    let (type, name) = (Scalar.scalarType, CallName.hash(of: name))
    if isOnOneHost {
      return try startInArena(
        collective, slice.arena.memory, slice.range, type, operation, name: name)
    }
    let algorithm: ReductionAlgorithm =
      switch collective {
      case .broadcast, .reduce: .tree
      // Each block crosses each link once; the slices that are gathered here are seldom small.
      default: .ring
      }
    return try start(collective, slice.values, operation, using: algorithm, named: name)
  }

  /// Starts a collective that is carried out by messages, on the caller's memory.
  func start<Scalar: ReducibleScalar>(
    _ collective: Collective, _ values: UnsafeMutableBufferPointer<Scalar>,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm,
    wireFormat: WireFormat = .full, named name: UInt64
  ) throws -> PendingReduction {
    if size == 1 { return PendingReduction(communicator: self) }
    let type = Scalar.scalarType
    let call = collective.call(
      operation, type, count: values.count, by: algorithm, wireFormat: wireFormat, name: name)
    guard let base = UnsafeMutableRawPointer(values.baseAddress), !values.isEmpty else {
      return try startEmpty(call)
    }
    let ticket = try counter.begin(call)
    let run = start(
      collective, ticket, on: base, count: values.count, ReductionKernel.of(operation, type),
      using: algorithm, wireFormat: wireFormat)
    add(run)
    return PendingReduction(run: run, communicator: self)
  }
}
