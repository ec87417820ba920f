internal import AllReduceMPI

extension Communicator {
  /// All-reduces, across hosts, elements in memory that only this process can access.
  ///
  /// The elements are copied piece by piece to an arena of the library's own and back: while one piece is on the
  /// network, the next one is combined within the host.
  func reduceHierarchically(
    _ base: UnsafeMutableRawPointer, count: Int, _ type: ScalarType,
    _ operation: ReductionOperation, using algorithm: ReductionAlgorithm, wireFormat: WireFormat
  ) throws {
    switch type {
    case .float: try reduceInPieces(Float.self, base, count, operation, algorithm, wireFormat)
    case .double: try reduceInPieces(Double.self, base, count, operation, algorithm, wireFormat)
    case .int32: try reduceInPieces(Int32.self, base, count, operation, algorithm, wireFormat)
    case .int64: try reduceInPieces(Int64.self, base, count, operation, algorithm, wireFormat)
    }
  }

  private func reduceInPieces<Scalar: ReducibleScalar>(
    _ scalar: Scalar.Type, _ base: UnsafeMutableRawPointer, _ count: Int,
    _ operation: ReductionOperation, _ algorithm: ReductionAlgorithm, _ wireFormat: WireFormat
  ) throws {
    let values = base.assumingMemoryBound(to: Scalar.self)
    let arena = try CollectiveState.of(self).pieces(of: Scalar.self, over: self)
    let half = arena.count / 2
    let pieces = (count + half - 1) / half
    /// Returns where the elements of a piece begin, and the range of the arena that they are copied to: the two halves
    /// of the arena alternate.
    func place(_ index: Int) -> (start: Int, slice: Range<Int>) {
      let length = min(half, count - index * half)
      return (index * half, index % 2 * half..<index % 2 * half + length)
    }
    func start(_ index: Int) throws -> PendingReduction {
      let (from, slice) = place(index)
      (arena.values.baseAddress! + slice.lowerBound).update(
        from: values + from, count: slice.count)
      return try startAllReduce(arena[slice], operation, using: algorithm, wireFormat: wireFormat)
    }
    var next: PendingReduction? = try start(0)
    for index in 0..<pieces {
      let present = next.take()
      if index + 1 < pieces { next = try start(index + 1) }
      try present?.wait()
      let (from, slice) = place(index)
      (values + from).update(
        from: arena.values.baseAddress! + slice.lowerBound, count: slice.count)
    }
  }
}
