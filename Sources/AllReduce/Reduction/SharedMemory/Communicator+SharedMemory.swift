public import AllReduceMPI

extension Communicator {
  /// All-reduce of memory that only this process can reach, on one host.
  func reduceInSharedMemory(
    _ base: UnsafeMutableRawPointer, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation
  ) throws {
    let path = try freePath()
    let (lines, kernel) = (path.pointee.lines, path.pointee.kernels[operation, type])
    lines.call &+= 1
    let call = HostCall(
      number: lines.call, collective: .allReduce, operation: operation, type: type, count: count,
      isInPlace: false)
    if count &* type.stride <= WholeExchange.limit(ranks: lines.size) {
      try WholeExchange(lines: lines, kernel: kernel, call: call).allReduce(base)
    } else {
      try StagedReduction(lines: lines, kernel: kernel, call: call)
        .allReduce(base, pieceBytes: StagedReduction.pieceBytes)
    }
  }

  /// A collective on an arena's slice, on one host.
  @inline(__always)
  private func runInArena(
    _ collective: Collective, _ memory: ArenaMemory, _ range: Range<Int>, _ type: ScalarType,
    _ operation: ReductionOperation
  ) throws {
    let path = try freePath()
    if path.pointee.arena != memory.address {
      try CollectiveState.of(self).findParts(of: memory, self)
    }
    let (lines, kernel) = (path.pointee.lines, path.pointee.kernels[operation, type])
    let parts = path.pointee.parts
    let (place, count) = (range.lowerBound &* type.stride, range.count)
    lines.call &+= 1
    let call = HostCall(
      number: lines.call, collective: collective, operation: operation, type: type, count: count,
      isInPlace: true)
    if case .allReduce = collective, count &* type.stride <= WholeExchange.arenaLimit {
      try WholeExchange(lines: lines, kernel: kernel, call: call)
        .allReduce(parts[lines.rank] + place)
      return
    }
    call.announce(lines, place: place)
    try InPlaceReduction(
      lines: lines, kernel: kernel, call: call, parts: parts, elements: path.pointee.elements
    ).run()
  }

  /// Starts a collective on an arena's slice: an all-reduce on any number of hosts, others on one.
  func startInArena(
    _ collective: Collective, _ memory: ArenaMemory, _ range: Range<Int>, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm = .automatic,
    wireFormat: WireFormat = .full, isCopied: Bool = true
  ) throws -> HostRun {
    let state = CollectiveState.of(self)
    let (host, path) = try state.host(of: self)
    var network = try state.network(of: self, using: algorithm, wireFormat: wireFormat)
    network?.isCopied = isCopied
    if path.pointee.arena != memory.address { try state.findParts(of: memory, self) }
    let parts = path.pointee.parts
    try state.makeRoomForHostRun(self)
    let lines = host.lines
    lines.call &+= 1
    let call = HostCall(
      number: lines.call, collective: collective, operation: operation, type: type,
      count: range.count, isInPlace: true, leader: network == nil ? nil : 0,
      wireFormat: wireFormat)
    call.announce(lines, place: range.lowerBound * type.stride)
    let kernel = ReductionKernel.of(operation, type)
    if let run = state.idleHostRun() {
      run.take(call, kernel: kernel, parts: parts, network: network, after: state.lastHostRun)
      state.append(run)
      return run
    }
    let run = HostRun(
      call, lines: lines, kernel: kernel, parts: parts, worldRanks: host.worldRanks,
      network: network, after: state.lastHostRun)
    state.append(run)
    return run
  }

  /// Combines every rank's slice of an arena and gives each the result, in place.
  ///
  /// Collective, as `allReduce` of a buffer; the slices must have the same count, and may lie at
  /// different places of the ranks' parts. On one host the elements are combined where they are, in
  /// one pass over memory, without a copy; on several, hosts exchange their sums.
  ///
  /// - Parameters:
  ///   - slice: This rank's elements; afterwards the result.
  ///   - operation: How they are combined; a mean needs floating-point elements.
  ///   - algorithm: How they travel.
  ///   - wireFormat: In how many bits `Float` elements travel between hosts, as in `allReduce` of a
  ///     buffer; on one host nothing travels.
  /// - Throws: ``MPIError``, also where ranks disagree about the call.
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws {
    try allReduce(
      slice.arena.memory, slice.range, Scalar.scalarType, operation, using: algorithm,
      wireFormat: wireFormat)
  }

  /// All-reduce of a range of an arena. Neither generic nor given anything to count references to: that took
  /// a fifth of a small reduction's time.
  @usableFromInline
  func allReduce(
    _ memory: ArenaMemory, _ range: Range<Int>, _ type: ScalarType, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) throws {
    let count = range.count
    guard count > 0, size > 1 else { return }
    let chosen = resolve(algorithm, bytes: count &* wireFormat.stride(of: type), over: .arena)
    switch chosen.kind {
    case .sharedMemory: try runInArena(.allReduce, memory, range, type, operation)
    case .hierarchical:
      let run = try startInArena(
        .allReduce, memory, range, type, operation, using: algorithm, wireFormat: wireFormat)
      add(run)
      try wait(for: run)
    default:
      try run(
        .allReduce, on: memory.own + range.lowerBound * type.stride, count: count, type, operation,
        using: chosen, wireFormat: wireFormat)
    }
  }

  /// Starts an all-reduce on a slice of an arena and returns; ``PendingReduction/wait()`` ends it.
  ///
  /// Collective; ranks must start them in the same order, and may end them in any. Up to eight may be
  /// under way on a communicator; starting another waits for the first. They move whenever this rank
  /// waits for anything, or asks whether one is complete.
  ///
  /// - Parameters:
  ///   - slice: This rank's elements, not to be touched until the wait is over.
  ///   - operation: How they are combined; a mean needs floating-point elements.
  ///   - algorithm: How they travel.
  ///   - wireFormat: In how many bits `Float` elements travel between hosts, as in `allReduce` of a
  ///     buffer; on one host nothing travels.
  /// - Returns: What the end is waited for by.
  /// - Throws: ``MPIError``.
  public func startAllReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full
  ) throws -> PendingReduction {
    let count = slice.range.count
    let bytes = count &* wireFormat.stride(of: Scalar.scalarType)
    guard count > 0, size > 1 else { return PendingReduction(communicator: self) }
    let chosen = resolve(algorithm, bytes: bytes, over: .arena)
    switch chosen.kind {
    case .sharedMemory, .hierarchical:
      let run = try startInArena(
        .allReduce, slice.arena.memory, slice.range, Scalar.scalarType, operation, using: algorithm,
        wireFormat: wireFormat)
      add(run)
      return PendingReduction(hostRun: run, communicator: self)
    default:
      return try startAllReduce(slice.values, operation, using: chosen, wireFormat: wireFormat)
    }
  }

  /// Starts to add up slices of all ranks on several hosts; the sum will be in the part of each host's
  /// first rank, for the others of that host to read there.
  func startAllReduceOntoHosts<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) throws -> PendingReduction {
    let run = try startInArena(
      .allReduce, slice.arena.memory, slice.range, Scalar.scalarType, .sum, using: algorithm,
      wireFormat: wireFormat, isCopied: false)
    add(run)
    return PendingReduction(hostRun: run, communicator: self)
  }

  /// Combines every rank's slice and leaves on each rank one block of the result, in place.
  ///
  /// Collective, as `reduceScatter` of a buffer, with the blocks of ``BlockPartition``.
  ///
  /// - Returns: This rank's block, within the slice.
  /// - Throws: ``MPIError``.
  public func reduceScatter<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation
  ) throws -> Range<Int> {
    if isOnOneHost, size > 1, !slice.range.isEmpty {
      try runInArena(
        .reduceScatter, slice.arena.memory, slice.range, Scalar.scalarType, operation)
      return BlockPartition(count: slice.range.count, parts: size)[rank]
    }
    return try reduceScatter(slice.values, operation)
  }

  /// Gives every rank all blocks of the slice, of which each rank has one, in place.
  ///
  /// Collective, as `allGather(inPlace:)` of a buffer.
  ///
  /// - Throws: ``MPIError``.
  public func allGather<Scalar: ReducibleScalar>(_ slice: ArenaSlice<Scalar>) throws {
    if isOnOneHost, size > 1, !slice.range.isEmpty {
      try runInArena(.allGather, slice.arena.memory, slice.range, Scalar.scalarType, .sum)
    } else {
      try allGather(inPlace: slice.values)
    }
  }

  /// Gives every rank the root's slice. Collective, as `broadcast` of a buffer.
  ///
  /// - Throws: ``MPIError``.
  public func broadcast<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, from root: Int
  ) throws {
    if isOnOneHost, size > 1, !slice.range.isEmpty {
      try runInArena(
        .broadcast(root: root), slice.arena.memory, slice.range, Scalar.scalarType, .sum)
    } else {
      try broadcast(slice.values, from: root)
    }
  }
}
