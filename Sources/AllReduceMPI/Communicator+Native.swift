internal import CMPI

/// MPI's own collectives, which block inside MPI while the watchdog watches. Large counts are split into pieces that
/// MPI can count.
///
/// All ranks first synchronize (``meet(_:)``) and check that they make the same call. No rank then waits elsewhere for
/// progress that this rank would have to make, which matters because nothing else progresses inside MPI. Functions
/// named "bare" skip this step: they are for ranks that have just synchronized, and for benchmarks.
extension Communicator {
  /// Reduces elements in place with `MPI_Allreduce`; the operations lose no NaN. Collective.
  package func allReduceNatively(
    _ base: UnsafeMutableRawPointer?, count: Int, type: ScalarType, operation: ReductionOperation,
    name: UInt64 = 0
  ) throws {
    try meet(Call(.allReduce, operation, type, count: count, algorithm: .native, name: name))
    try allReduceBare(base, count: count, type: type, operation: operation)
  }

  /// Same as ``allReduceNatively(_:count:type:operation:name:)``, without the synchronization before it.
  package func allReduceBare(
    _ base: UnsafeMutableRawPointer?, count: Int, type: ScalarType, operation: ReductionOperation
  ) throws(MPIError) {
    let op = try NativeOperation.handle(for: operation, type)
    try inPieces(count) { (start, length) throws(MPIError) in
      let code = watchdog.guarding("MPI_Allreduce") {
        MPI_Allreduce(
          cmpi_in_place(), base.map { $0 + start * type.stride }, length, type.datatype, op,
          internalHandle)
      }
      try MPIError.check(code, "MPI_Allreduce")
    }
  }

  /// Reduces elements to the root, in place there, with `MPI_Reduce`. Collective.
  package func reduceNatively(
    _ base: UnsafeMutableRawPointer?, count: Int, type: ScalarType, operation: ReductionOperation,
    to root: Int, name: UInt64 = 0
  ) throws {
    try meet(
      Call(.reduce, operation, type, count: count, algorithm: .native, root: root, name: name))
    let op = try NativeOperation.handle(for: operation, type)
    try inPieces(count) { (start, length) throws(MPIError) in
      let piece = base.map { $0 + start * type.stride }
      let code = watchdog.guarding("MPI_Reduce") {
        rank == root
          ? MPI_Reduce(
            cmpi_in_place(), piece, length, type.datatype, op, Int32(root), internalHandle)
          : MPI_Reduce(piece, nil, length, type.datatype, op, Int32(root), internalHandle)
      }
      try MPIError.check(code, "MPI_Reduce")
    }
  }

  /// Broadcasts the root's bytes with `MPI_Bcast`. Collective.
  package func broadcastNatively(
    _ bytes: UnsafeMutableRawBufferPointer, from root: Int, of type: ScalarType? = nil,
    name: UInt64 = 0
  ) throws {
    try meet(
      Call(
        .broadcast, nil, type, count: bytes.count / (type?.stride ?? 1), algorithm: .native,
        root: root, name: name))
    try broadcastBare(bytes, from: root)
  }

  /// Same as ``broadcastNatively(_:from:of:name:)``, without the synchronization before it.
  func broadcastBare(
    _ bytes: UnsafeMutableRawBufferPointer, from root: Int
  ) throws(MPIError) {
    if size == 1 { return }
    try inPieces(bytes.count) { (start, length) throws(MPIError) in
      let code = watchdog.guarding("MPI_Bcast") {
        MPI_Bcast(
          bytes.baseAddress.map { $0 + start }, length, cmpi_byte(), Int32(root), internalHandle)
      }
      try MPIError.check(code, "MPI_Bcast")
    }
  }

  /// All-gathers one number per rank (`MPI_Allgather`). Collective.
  ///
  /// - Parameters:
  ///   - value: This rank's number.
  ///   - call: The call that the all-gather belongs to, which the ranks compare.
  /// - Returns: All ranks' numbers, in rank order.
  /// - Throws: ``MPIError``.
  package func allGatherNatively(
    _ value: Int, for call: Call = Call(.exchange)
  ) throws -> [Int] {
    try meet(call)
    return try allGatherBare([value]).map { $0[0] }
  }

  /// All-gathers a row of numbers from each rank (`MPI_Allgather`). Collective over ranks that have just synchronized;
  /// all rows have the same length.
  package func allGatherBare(_ words: [Int]) throws(MPIError) -> [[Int]] {
    let row = words.map { Int64($0) }
    var all = [Int64](repeating: 0, count: row.count * size)
    if size > 1 {
      let code = watchdog.guarding("MPI_Allgather") {
        MPI_Allgather(
          row, Int32(row.count), cmpi_int64(), &all, Int32(row.count), cmpi_int64(), internalHandle)
      }
      try MPIError.check(code, "MPI_Allgather")
    } else {
      all = row
    }
    return (0..<size).map { rank in
      all[rank * row.count..<(rank + 1) * row.count].map { Int($0) }
    }
  }

  /// Reduces a vector and scatters the result with `MPI_Reduce_scatter`. This rank's block of the result is written to
  /// its place in the vector. Collective.
  package func reduceScatterNatively(
    _ base: UnsafeMutableRawPointer, counts: [Int], type: ScalarType, operation: ReductionOperation,
    name: UInt64 = 0
  ) throws {
    try meet(
      Call(
        .reduceScatter, operation, type, count: counts.reduce(0, +), algorithm: .native, name: name)
    )
    let op = try NativeOperation.handle(for: operation, type)
    let (lengths, _) = countsAndStarts(counts)
    let bytes = counts[rank] * type.stride
    let block = UnsafeMutableRawPointer.allocate(byteCount: Swift.max(bytes, 1), alignment: 64)
    defer { block.deallocate() }
    let code = watchdog.guarding("MPI_Reduce_scatter") {
      MPI_Reduce_scatter(base, block, lengths, type.datatype, op, internalHandle)
    }
    try MPIError.check(code, "MPI_Reduce_scatter")
    (base + counts[..<rank].reduce(0, +) * type.stride).copyMemory(from: block, byteCount: bytes)
  }

  /// All-gathers the ranks' blocks in place with `MPI_Allgatherv`. Collective.
  package func allGatherNatively(
    _ base: UnsafeMutableRawPointer?, counts: [Int], type: ScalarType, name: UInt64 = 0
  ) throws {
    if size == 1 { return }
    try meet(
      Call(
        .allGather, nil, type, count: counts.reduce(0, +), algorithm: .native, name: name))
    let (lengths, starts) = countsAndStarts(counts)
    let code = watchdog.guarding("MPI_Allgatherv") {
      MPI_Allgatherv(
        cmpi_in_place(), 0, type.datatype, base, lengths, starts, type.datatype, internalHandle)
    }
    try MPIError.check(code, "MPI_Allgatherv")
  }

  /// Gathers all ranks' elements on the root with `MPI_Gatherv`. Collective.
  ///
  /// - Parameters:
  ///   - values: This rank's elements.
  ///   - all: The root's memory for the elements of all ranks.
  ///   - counts: The number of elements of each rank.
  ///   - starts: The index of each rank's first element in the root's memory; nil to store the ranks' elements one
  ///     after another.
  ///   - type: The type of the elements.
  ///   - root: The rank that receives the elements.
  ///   - name: The call's name.
  /// - Throws: ``MPIError``.
  package func gatherNatively(
    _ values: UnsafeRawBufferPointer, into all: UnsafeMutableRawPointer?, counts: [Int],
    starts: [Int]? = nil, type: ScalarType, to root: Int, name: UInt64 = 0
  ) throws {
    try meet(
      Call(
        .gather, nil, type, count: counts.reduce(0, +), algorithm: .native, root: root,
        segment: hash(of: counts), name: name))
    let (lengths, packed) = countsAndStarts(counts)
    let places = starts.map { $0.map { Int32($0) } } ?? packed
    let code = watchdog.guarding("MPI_Gatherv") {
      MPI_Gatherv(
        values.baseAddress, lengths[rank], type.datatype, all, lengths, places, type.datatype,
        Int32(root), internalHandle)
    }
    try MPIError.check(code, "MPI_Gatherv")
  }

  /// Scatters the root's elements to all ranks with `MPI_Scatterv`. Collective.
  package func scatterNatively(
    _ all: UnsafeRawPointer?, counts: [Int], into mine: UnsafeMutableRawBufferPointer,
    type: ScalarType, from root: Int, name: UInt64 = 0
  ) throws {
    try meet(
      Call(
        .scatter, nil, type, count: counts.reduce(0, +), algorithm: .native, root: root,
        segment: hash(of: counts), name: name))
    let (lengths, starts) = countsAndStarts(counts)
    let code = watchdog.guarding("MPI_Scatterv") {
      MPI_Scatterv(
        all, lengths, starts, type.datatype, mine.baseAddress, lengths[rank], type.datatype,
        Int32(root), internalHandle)
    }
    try MPIError.check(code, "MPI_Scatterv")
  }

  /// Sends `countPerRank` elements to each rank and receives the same number from each, with `MPI_Alltoall`.
  /// Collective.
  package func allToAllNatively(
    _ values: UnsafeRawPointer?, into received: UnsafeMutableRawPointer?, countPerRank: Int,
    type: ScalarType, name: UInt64 = 0
  ) throws {
    precondition(
      (0...Int(Int32.max)).contains(countPerRank),
      "MPI can send 0...\(Int32.max) elements to each rank in this operation, not \(countPerRank).")
    try meet(
      Call(.allToAll, nil, type, count: countPerRank, algorithm: .native, name: name))
    let code = watchdog.guarding("MPI_Alltoall") {
      MPI_Alltoall(
        values, Int32(countPerRank), type.datatype, received, Int32(countPerRank), type.datatype,
        internalHandle)
    }
    try MPIError.check(code, "MPI_Alltoall")
  }

  /// Returns a hash of a list of counts, which ranks compare in place of the list.
  private func hash(of counts: [Int]) -> Int {
    let hash = counts.reduce(1 as UInt64) {
      Call.fold($0 ^ UInt64(bitPattern: Int64($1)), 0x9E37_79B9_7F4A_7C15) &+ 1
    }
    return Int(hash >> 2)
  }

  /// Returns the counts and their offsets in 32 bits, as MPI takes them.
  private func countsAndStarts(_ counts: [Int]) -> (counts: [Int32], starts: [Int32]) {
    let total = counts.reduce(0, +)
    precondition(
      total <= Int(Int32.max),
      "\(total) elements in all are more than MPI can place (\(Int32.max)) in this operation; "
        + "use allReduce, reduceScatter, allGather of a buffer or broadcast, which have no such limit."
    )
    var starts: [Int32] = []
    var start: Int32 = 0
    for count in counts {
      starts.append(start)
      start += Int32(count)
    }
    return (counts.map { Int32($0) }, starts)
  }

  private func inPieces(
    _ count: Int, _ call: (_ start: Int, _ length: Int32) throws(MPIError) -> Void
  ) throws(MPIError) {
    if count <= largestCount { return try call(0, Int32(count)) }
    var start = 0
    while start < count {
      let length = Swift.min(largestCount, count - start)
      try call(start, Int32(length))
      start += length
    }
  }
}
