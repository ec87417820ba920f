public import AllReduceMPI

extension Communicator {
  /// Starts to give every rank all blocks of a slice, of which each rank has one, in place.
  ///
  /// Collective, as `allGather` of a slice; ``PendingReduction/wait()`` ends it. Starts of a communicator must
  /// be in the same order on all ranks. On one host nothing is copied but the blocks; between hosts blocks
  /// travel as messages. They move whenever this rank waits for anything or calls ``makeProgress()``.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iallgatherv`
  public func startAllGather<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>
  ) throws -> PendingReduction {
    try start(.allGather, slice, .sum)
  }

  /// Starts to combine every rank's slice, so that this rank's block of the result is in its place.
  ///
  /// Collective, as ``reduceScatter(_:_:)`` and ``startAllGather(_:)``. `MPI_Ireduce_scatter`
  ///
  /// - Throws: ``MPIError``.
  public func startReduceScatter<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation
  ) throws -> PendingReduction {
    try start(.reduceScatter, slice, operation)
  }

  /// Starts to give every rank the root's slice.
  ///
  /// Collective, as `broadcast` of a slice and ``startAllGather(_:)``. `MPI_Ibcast`
  ///
  /// - Throws: ``MPIError``.
  public func startBroadcast<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, from root: Int
  ) throws -> PendingReduction {
    try start(.broadcast(root: root), slice, .sum)
  }

  /// Starts to combine every rank's slice on the root; elsewhere it holds partial results afterwards.
  ///
  /// Collective, as `reduce` of a buffer and ``startAllGather(_:)``. `MPI_Ireduce`
  ///
  /// - Throws: ``MPIError``.
  public func startReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation, to root: Int
  ) throws -> PendingReduction {
    try start(.reduce(root: root), slice, operation)
  }

  private func start<Scalar: ReducibleScalar>(
    _ collective: Collective, _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation
  ) throws -> PendingReduction {
    guard size > 1, let base = UnsafeMutableRawPointer(slice.values.baseAddress),
      !slice.range.isEmpty
    else { return PendingReduction(communicator: self) }
    if isOnOneHost {
      let run = try startInArena(
        collective, slice.arena.memory, slice.range, Scalar.scalarType, operation)
      add(run)
      return PendingReduction(hostRun: run, communicator: self)
    }
    let algorithm: ReductionAlgorithm =
      switch collective {
      case .broadcast, .reduce: .tree
      // Each block crosses each link once; what is gathered here is seldom small.
      default: .ring
      }
    let run = start(
      collective, on: base, count: slice.range.count,
      ReductionKernel.of(operation, Scalar.scalarType), using: algorithm, wireFormat: .full)
    add(run)
    return PendingReduction(run: run, communicator: self)
  }
}
