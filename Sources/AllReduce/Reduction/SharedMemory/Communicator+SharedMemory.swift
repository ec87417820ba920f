public import AllReduceMPI

extension Communicator {
  /// All-reduce of memory that only this process can reach.
  func reduceInSharedMemory(
    _ base: UnsafeMutableRawPointer, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation
  ) throws {
    let lines = try hostLines()
    let kernel = ReductionKernel.of(operation, type)
    let call = HostCall(
      collective: .allReduce, operation: operation, type: type, count: count, isInPlace: false)
    lines.call &+= 1
    if count &* type.stride <= WholeExchange.limit {
      try WholeExchange(lines: lines, kernel: kernel, call: call).allReduce(base)
    } else {
      try StagedReduction(lines: lines, kernel: kernel, call: call)
        .allReduce(base, pieceBytes: StagedReduction.pieceBytes)
    }
  }

  /// Combines every rank's slice of an arena and gives each the result, in place.
  ///
  /// As `allReduce` of a buffer; the slices must have the same count, and may lie at different places
  /// of the ranks' parts. On one host the elements are combined where they are, in one pass over
  /// memory, without a copy.
  ///
  /// - Parameters:
  ///   - slice: This rank's elements; afterwards the result.
  ///   - operation: How they are combined; a mean needs floating-point elements.
  ///   - algorithm: How they travel.
  /// - Throws: ``MPIError``, also where ranks disagree about the call.
  public func allReduce<Scalar: ReducibleScalar>(
    _ slice: ArenaSlice<Scalar>, _ operation: ReductionOperation,
    using algorithm: ReductionAlgorithm = .automatic
  ) throws {
    let type = Scalar.scalarType
    let kernel = ReductionKernel.of(operation, type)
    let count = slice.range.count
    guard count > 0, size > 1 else { return }
    guard algorithm.kind == .automatic || algorithm.kind == .sharedMemory else {
      return try allReduce(slice.values, operation, using: algorithm)
    }
    let state = CollectiveState.of(self)
    let host = try state.host(of: self)
    let lines = try hostLines()
    let parts = try state.parts(of: slice.arena, host)
    let place = slice.range.lowerBound &* type.stride
    let base = parts[lines.rank] + place
    let call = HostCall(
      collective: .allReduce, operation: operation, type: type, count: count, isInPlace: true)
    lines.call &+= 1
    if count &* type.stride <= WholeExchange.arenaLimit {
      try WholeExchange(lines: lines, kernel: kernel, call: call).allReduce(base)
      return
    }
    call.announce(lines, place: place)
    try InPlaceReduction(
      lines: lines, kernel: kernel, call: call, parts: parts,
      elements: state.addresses.unsafelyUnwrapped
    ).allReduce()
  }

  func hostLines() throws -> HostLines {
    let host = try CollectiveState.of(self).host(of: self)
    guard host.lines.size == size else {
      throw MPIError(
        operation: "sharedMemory",
        message:
          "the \(size) ranks are on \(host.layout.hosts.count) hosts, and memory can only be "
          + "shared on one; use hierarchical or automatic")
    }
    return host.lines
  }
}
