public import AllReduceMPI

extension Communicator {
  /// All-reduces, on one host, elements in memory that only this process can access.
  func reduceInSharedMemory(
    _ base: UnsafeMutableRawPointer, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, _ words: Call
  ) throws {
    let path = try freePath()
    let (lines, kernel) = (path.pointee.lines, path.pointee.kernels[operation, type])
    let counter = path.pointee.counter
    let isObstructed = counter.hasObstacles
    let ticket = isObstructed ? try counter.begin(words) : try counter.count(words)
    lines.call &+= 1
    let call = HostCall(
      number: lines.call, signature: ticket.running, collective: .allReduce, count: count)
    do throws(CallFailed) {
      if count &* type.stride <= WholeExchange.limit(ranks: lines.size) {
        try WholeExchange(lines: lines, kernel: kernel, call: call)
          .allReduce(base) { if !isObstructed { counter.note(words, ticket) } }
      } else {
        if !isObstructed { counter.note(words, ticket) }
        try StagedReduction(lines: lines, kernel: kernel, call: call)
          .allReduce(base, pieceBytes: StagedReduction.pieceBytes)
      }
    } catch {
      throw agreement.failure()
    }
    try counter.end()
  }

  /// Runs a collective on an arena's slice, on one host.
  @inline(never)
  private func runInArena(
    _ collective: Collective, _ memory: ArenaMemory, _ range: Range<Int>, _ type: ScalarType,
    _ operation: ReductionOperation, name: UInt64
  ) throws {
    let path = try pathToArena(memory)
    let (lines, kernel) = (path.pointee.lines, path.pointee.kernels[operation, type])
    let (parts, counter) = (path.pointee.parts, path.pointee.counter)
    let (place, count) = (range.lowerBound &* type.stride, range.count)
    let words = collective.call(
      operation, type, count: count, by: .sharedMemory, wireFormat: .full,
      arena: path.pointee.arenaIdentity, name: name)
    let isObstructed = counter.hasObstacles
    let ticket = isObstructed ? try counter.begin(words) : try counter.count(words)
    lines.call &+= 1
    let call = HostCall(
      number: lines.call, signature: ticket.running, collective: collective, count: count)
    do throws(CallFailed) {
      if case .allReduce = collective, count &* type.stride <= WholeExchange.arenaLimit {
        try WholeExchange(lines: lines, kernel: kernel, call: call)
          .allReduce(parts[lines.rank] + place) {
            if !isObstructed { counter.note(words, ticket) }
          }
      } else {
        call.announce(lines, place: place)
        if !isObstructed { counter.note(words, ticket) }
        try InPlaceReduction(
          lines: lines, kernel: kernel, call: call, parts: parts, elements: path.pointee.elements
        ).run()
      }
    } catch {
      throw agreement.failure()
    }
    try counter.end()
  }

  /// All-reduces a few elements between the two ranks of a host, in an arena or not.
  ///
  /// Does the same as the general code. In a function that does nothing else, the compiler keeps what is needed in
  /// registers, which saves 40 of 270 ns.
  @inline(__always)
  private func swapFew(
    _ path: UnsafeMutablePointer<HostPath>, _ values: UnsafeMutableRawPointer, count: Int,
    _ type: ScalarType, _ operation: ReductionOperation, _ words: Call
  ) throws {
    let (lines, counter) = (path.pointee.lines, path.pointee.counter)
    let ticket = try counter.count(words)
    lines.call &+= 1
    do throws(CallFailed) {
      try WholeExchange(
        lines: lines, kernel: path.pointee.kernels[operation, type],
        call: HostCall(
          number: lines.call, signature: ticket.running, collective: .allReduce, count: count)
      ).swapLines(values) { counter.note(words, ticket) }
    } catch {
      throw agreement.failure()
    }
    try counter.end()
  }

  /// Whether there are two ranks and few enough elements for ``swapFew(_:_:count:_:_:_:)``.
  @inline(__always)
  private func areFew(_ count: Int, _ type: ScalarType) -> Bool {
    size == 2 && count &* type.stride <= HostLines.inlineBytes
  }

  /// All-reduces, in shared memory, a few elements in memory that only this process can access. Returns false, and does
  /// nothing, if there are too many elements, if another algorithm is chosen, or if other calls are in the way.
  @inline(__always)
  func reduceFewInSharedMemory(
    _ base: UnsafeMutableRawPointer?, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm, wireFormat: WireFormat,
    name: UInt64
  ) throws -> Bool {
    guard let base, count > 0, areFew(count, type),
      let path = hostPath, !path.pointee.hasRuns, !path.pointee.counter.hasObstacles
    else { return false }
    let chosen = resolve(algorithm, bytes: count &* wireFormat.stride(of: type), over: .array)
    if chosen.kind != .sharedMemory { return false }
    try swapFew(
      path, base, count: count, type, operation,
      Collective.allReduce.call(
        operation, type, count: count, by: chosen, wireFormat: wireFormat, name: name))
    return true
  }

  /// Returns this host's path, with the parts of an arena looked up; first waits until started collectives have
  /// completed.
  @inline(__always)
  private func pathToArena(_ memory: ArenaMemory) throws -> UnsafeMutablePointer<HostPath> {
    let path = try freePath()
    if path.pointee.arena != memory.address {
      try CollectiveState.of(self).findParts(of: memory, self)
    }
    return path
  }

  /// Starts a collective on an arena's slice: an all-reduce on any number of hosts, or any other collective on one
  /// host.
  func startInArena(
    _ collective: Collective, _ memory: ArenaMemory, _ range: Range<Int>, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm = .automatic,
    wireFormat: WireFormat = .full, isCopied: Bool = true, name: UInt64 = 0
  ) throws -> PendingReduction {
    let state = CollectiveState.of(self)
    var words = collective.call(
      operation, type, count: range.count, by: algorithm, wireFormat: wireFormat,
      arena: memory.identity, name: name)
    if algorithm.kind == .automatic {
      words = collective.call(
        operation, type, count: range.count, by: isOnOneHost ? .sharedMemory : .hierarchical,
        wireFormat: wireFormat, arena: memory.identity, name: name)
    }
    if range.isEmpty { return try startEmpty(words) }
    // A small blocking all-reduce exchanges its elements in another way: ranks that mix the two must throw.
    if isOnOneHost, case .allReduce = collective,
      range.count * type.stride <= WholeExchange.arenaLimit
    {
      words.isStarted = true
    }
    let (host, path) = state.host(of: self)
    if path.pointee.arena != memory.address { try state.findParts(of: memory, self) }
    let parts = path.pointee.parts
    state.sweepHostRuns(self)
    let lines = host.lines
    let ticket = try counter.begin(words)
    agreement.endOldCalls()
    lines.call &+= 1
    let network = state.carriers.map {
      HostRun.Network(
        carriers: $0, algorithm: algorithm, wireFormat: wireFormat, isCopied: isCopied)
    }
    let task = HostRun.Task(
      call: HostCall(
        number: lines.call, signature: ticket.running, collective: collective, count: range.count,
        leader: network == nil ? nil : 0),
      ticket: ticket, kernel: ReductionKernel.of(operation, type), type: type,
      place: range.lowerBound * type.stride, network: network)
    let run: HostRun
    if let idle = state.idleHostRun() {
      idle.take(task, parts: parts, after: state.lastHostRun)
      run = idle
    } else {
      run = HostRun(
        task, over: self, lines: lines, parts: parts, worldRanks: host.worldRanks, state: state,
        after: state.lastHostRun)
    }
    state.append(run)
    add(run)
    return PendingReduction(hostRun: run, communicator: self)
  }

  /// All-reduces every rank's slice of an arena in place: combines the slices, and gives every rank the result.
  ///
  /// Collective, as `allReduce` of a buffer. The slices must have the same count, and may be at different places in the
  /// ranks' parts of the arena. On one host, the elements are combined where they are, in one pass over memory, without
  /// a copy; on several hosts, the hosts exchange their sums.
  ///
  /// - Parameters:
  ///   - slice: This rank's elements; afterwards the result.
  ///   - operation: How the elements are combined; a mean needs floating-point elements.
  ///   - algorithm: The algorithm that sends and combines the elements.
  ///   - wireFormat: The format of `Float` elements between hosts, as in `allReduce` of a buffer; on one host, no
  ///     elements are sent.
  ///   - name: A name for the call, as in `allReduce` of a buffer.
  /// - Throws: ``MPIError``, also if ranks make different calls.
  @inlinable
  public func allReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws {
    try allReduce(
      slice.arena.memory, slice.range, Scalar.scalarType, operation, using: algorithm,
      wireFormat: wireFormat, name: CallName.hash(of: name))
  }

  /// All-reduces a range of an arena. This function is not generic, and its arguments need no reference counting, which
  /// together took a fifth of a small reduction's time.
  @usableFromInline
  func allReduce(
    _ memory: ArenaMemory, _ range: Range<Int>, _ type: ScalarType, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm, wireFormat: WireFormat, name: UInt64
  ) throws {
    let count = range.count
    if size == 1 { return }
    let chosen = resolve(algorithm, bytes: count &* wireFormat.stride(of: type), over: .arena)
    switch chosen.kind {
    case .sharedMemory where count > 0:
      let path = try pathToArena(memory)
      if areFew(count, type) && !path.pointee.counter.hasObstacles {
        try swapFew(
          path, path.pointee.parts[path.pointee.lines.rank] + range.lowerBound &* type.stride,
          count: count, type,
          operation,
          Collective.allReduce.call(
            operation, type, count: count, by: .sharedMemory, wireFormat: .full,
            arena: path.pointee.arenaIdentity, name: name))
      } else {
        try runInArena(.allReduce, memory, range, type, operation, name: name)
      }
    case .hierarchical:
      try startInArena(
        .allReduce, memory, range, type, operation, using: algorithm, wireFormat: wireFormat,
        name: name
      ).wait()
    default:
      try run(
        .allReduce, on: memory.own + range.lowerBound * type.stride, count: count, type, operation,
        using: chosen, wireFormat: wireFormat, name: name)
    }
  }

  /// Starts a non-blocking all-reduce on a slice of an arena; ``PendingReduction/wait()`` completes it.
  ///
  /// Collective: ranks must start their all-reduces in the same order, and may wait for them in any order. Up to eight
  /// make progress at the same time on a communicator; others follow them. They make progress whenever this rank waits
  /// for anything, or asks whether one of them is complete.
  ///
  /// - Parameters:
  ///   - slice: This rank's elements, which the caller must not access until the wait is over.
  ///   - operation: How the elements are combined; a mean needs floating-point elements.
  ///   - algorithm: The algorithm that sends and combines the elements.
  ///   - wireFormat: The format of `Float` elements between hosts, as in `allReduce` of a buffer; on one host, no
  ///     elements are sent.
  ///   - name: A name for the call, as in `allReduce` of a buffer.
  /// - Returns: The handle to wait on.
  /// - Throws: ``MPIError``.
  public func startAllReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic, wireFormat: WireFormat = .full,
    name: String? = nil
  ) throws -> PendingReduction {
    try startAllReduce(
      slice, operation, using: algorithm, wireFormat: wireFormat, named: CallName.hash(of: name))
  }

  func startAllReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm, wireFormat: WireFormat, named name: UInt64
  ) throws -> PendingReduction {
    let bytes = slice.range.count &* wireFormat.stride(of: Scalar.scalarType)
    if size == 1 { return PendingReduction(communicator: self) }
    let chosen = resolve(algorithm, bytes: bytes, over: .arena)
    switch chosen.kind {
    case .sharedMemory, .hierarchical:
      return try startInArena(
        .allReduce, slice.arena.memory, slice.range, Scalar.scalarType, operation, using: algorithm,
        wireFormat: wireFormat, name: name)
    default:
      return try startAllReduce(
        slice.values, operation, using: chosen, wireFormat: wireFormat, named: name)
    }
  }

  /// Starts to sum the slices of all ranks on several hosts. The sum is left in the part of each host's first rank,
  /// where the other ranks of that host read it.
  func startAllReduceOntoHosts<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, using algorithm: ReductionAlgorithm, wireFormat: WireFormat,
    named name: UInt64 = 0
  ) throws -> PendingReduction {
    try startInArena(
      .allReduce, slice.arena.memory, slice.range, Scalar.scalarType, .sum, using: algorithm,
      wireFormat: wireFormat, isCopied: false, name: name)
  }

  /// Reduce-scatters every rank's slice in place: combines the slices, and leaves one block of the result on each rank.
  ///
  /// Collective, as `reduceScatter` of a buffer, with the blocks of ``BlockPartition``.
  ///
  /// - Returns: The range of this rank's block, counted from the start of the slice.
  /// - Throws: ``MPIError``.
  public func reduceScatter<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation, name: String? = nil
  ) throws -> Range<Int> {
    if isOnOneHost, size > 1, !slice.range.isEmpty {
      try runInArena(
        .reduceScatter, slice.arena.memory, slice.range, Scalar.scalarType, operation,
        name: CallName.hash(of: name))
      return BlockPartition(count: slice.range.count, parts: size)[rank]
    }
    return try reduceScatter(slice.values, operation, name: name)
  }

  /// All-gathers a slice in place: each rank contributes its own block, and every rank gets all blocks.
  ///
  /// Collective, as `allGather` of a buffer.
  ///
  /// - Throws: ``MPIError``.
  public func allGather<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, name: String? = nil
  ) throws {
    if isOnOneHost, size > 1, !slice.range.isEmpty {
      try runInArena(
        .allGather, slice.arena.memory, slice.range, Scalar.scalarType, .sum,
        name: CallName.hash(of: name))
    } else {
      try allGather(slice.values, name: name)
    }
  }

  /// Combines every rank's slice on the root; on other ranks, the slice has partial results afterwards. Collective, as
  /// `reduce` of a buffer.
  ///
  /// - Throws: ``MPIError``.
  public func reduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation, to root: Int, name: String? = nil
  ) throws {
    if isOnOneHost, size > 1, !slice.range.isEmpty {
      try runInArena(
        .reduce(root: root), slice.arena.memory, slice.range, Scalar.scalarType, operation,
        name: CallName.hash(of: name))
    } else {
      try reduce(slice.values, operation, to: root, name: name)
    }
  }

  /// Sends the root's slice to every rank. Collective, as `broadcast` of a buffer.
  ///
  /// - Throws: ``MPIError``.
  public func broadcast<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, from root: Int, name: String? = nil
  ) throws {
    if isOnOneHost, size > 1, !slice.range.isEmpty {
      try runInArena(
        .broadcast(root: root), slice.arena.memory, slice.range, Scalar.scalarType, .sum,
        name: CallName.hash(of: name))
    } else {
      try broadcast(slice.values, from: root, name: name)
    }
  }
}
