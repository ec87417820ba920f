package import AllReduceMPI

/// An all-reduce of a small vector: every rank copies its elements to memory that the other ranks can read, and
/// combines the elements of all ranks.
///
/// Ranks wait only for each other's elements, not for results. A few elements are stored in the cache line that has the
/// call's number; more elements are stored in slots that alternate. With two ranks, each rank next writes the slot that
/// it read last: taking over a line that another core has written is far cheaper than writing a line that another core
/// has read (``StagedReduction``). With more ranks, a slot is free again two calls later: a rank that announces a call
/// has read all elements of the call before it.
package struct WholeExchange {
  let lines: HostLines
  let kernel: ReductionKernel
  let call: HostCall

  @inline(__always)
  package init(lines: HostLines, kernel: ReductionKernel, call: HostCall) {
    self.lines = lines
    self.kernel = kernel
    self.call = call
  }

  /// Returns the size, in bytes, of the largest vector in an array that is all-reduced in this way.
  ///
  /// With more than two ranks, each rank reads everything that all others wrote. (With 3 ranks on 2 cores, 16 KiB took
  /// 10 µs this way and 8 µs in pieces; 23 and 9 µs if the cores did not share a cache.)
  @inline(__always)
  package static func limit(ranks: Int) -> Int { ranks == 2 ? HostLines.slotBytes : arenaLimit }

  /// The size, in bytes, of the largest vector in an arena that is all-reduced in this way; a larger one is all-reduced
  /// by ``InPlaceReduction``, which needs no copy.
  static var arenaLimit: Int { 4 << 10 }

  /// The largest number of bytes that two ranks exchange as a whole and not in two halves.
  private static var undividedBytes: Int { 512 }

  /// All-reduces the elements at `values`, in place.
  ///
  /// - Parameters:
  ///   - values: This rank's elements; afterwards the result.
  ///   - note: Called after the other ranks can see the call, and before this rank waits for them.
  /// - Throws: ``CallFailed`` if another rank makes a different call.
  @_transparent
  package func allReduce(
    _ values: UnsafeMutableRawPointer, noting note: () -> Void = {}
  ) throws(CallFailed) {
    let bytes = call.count &* kernel.stride
    if bytes <= HostLines.inlineBytes && lines.size == 2 {
      return try swapLines(values, noting: note)
    }
    try exchange(values, bytes, noting: note)
    kernel.finish?(values, call.count, lines.size)
  }

  /// Same as ``allReduce(_:noting:)``, for two ranks whose elements fit into their call lines.
  @inline(__always)
  func swapLines(
    _ values: UnsafeMutableRawPointer, noting note: () -> Void
  ) throws(CallFailed) {
    let bytes = call.count &* kernel.stride
    let (mine, theirs) = (
      lines.line(lines.rank, call.number), lines.line(1 &- lines.rank, call.number)
    )
    WholeExchange.copy(values, to: mine.payload, bytes)
    mine.signature = call.signature
    lines.raise(mine.number, to: call.number)
    note()
    lines.traffic.pointee.addMemory(bytes)
    try lines.wait(for: theirs.number, toReach: call.number, of: 1 &- lines.rank)
    try call.check(theirs)
    kernel.combineSymmetrically(values, theirs.payload, call.count)
    kernel.finish?(values, call.count, 2)
  }

  /// Copies bytes; a single number is copied by one load and one store.
  @inline(__always)
  private static func copy(
    _ source: UnsafeMutableRawPointer, to target: UnsafeMutableRawPointer, _ bytes: Int
  ) {
    switch bytes {
    case 4: target.storeBytes(of: source.loadUnaligned(as: UInt32.self), as: UInt32.self)
    case 8: target.storeBytes(of: source.loadUnaligned(as: UInt64.self), as: UInt64.self)
    default: target.copyMemory(from: source, byteCount: bytes)
    }
  }

  @inline(never)
  private func exchange(
    _ values: UnsafeMutableRawPointer, _ bytes: Int, noting note: () -> Void
  ) throws(CallFailed) {
    if bytes > HostLines.inlineBytes { lines.exchange &+= 1 }
    if lines.size == 2 { return try exchangeWithOther(values, bytes, noting: note) }
    source(lines.rank, bytes).copyMemory(from: values, byteCount: bytes)
    call.announce(lines)
    note()
    lines.traffic.pointee.addMemory((lines.size &- 1) &* bytes)
    // Combined in rank order on every rank, so that all ranks get the same bits.
    for owner in 0..<lines.size {
      if owner != lines.rank { try call.await(owner, lines) }
      let theirs = source(owner, bytes)
      if owner == 0 {
        if lines.rank != 0 { values.copyMemory(from: theirs, byteCount: bytes) }
      } else {
        kernel.combine(values, theirs, call.count)
      }
    }
  }

  /// Exchanges a vector between two ranks, in two halves if it is large: while a rank writes its second half, the first
  /// half reaches the other rank. (4 KiB took 0.33 µs instead of 0.36 µs, 16 KiB 0.88 µs instead of 0.92 µs. With a
  /// number in each cache line, so that data need not wait for another line, 1 KiB was a tenth faster and 4 KiB a third
  /// slower.)
  @inline(__always)
  private func exchangeWithOther(
    _ values: UnsafeMutableRawPointer, _ bytes: Int, noting note: () -> Void
  ) throws(CallFailed) {
    let (rank, other) = (lines.rank, 1 &- lines.rank)
    let half = bytes <= WholeExchange.undividedBytes ? bytes : bytes / 2 & ~63
    let mine = source(rank, bytes)
    mine.copyMemory(from: values, byteCount: half)
    call.announce(lines)
    if half < bytes {
      (mine + half).copyMemory(from: values + half, byteCount: bytes &- half)
      lines.raise(lines.filled(rank, lines.exchange), to: lines.exchange)
    }
    note()
    lines.traffic.pointee.addMemory(bytes)
    try call.await(other, lines)
    let theirs = source(other, bytes)
    let count = half < bytes ? half / kernel.stride : call.count
    kernel.combineSymmetrically(values, theirs, count)
    if half < bytes {
      try lines.wait(for: lines.filled(other, lines.exchange), toReach: lines.exchange, of: other)
      kernel.combineSymmetrically(values + half, theirs + half, call.count &- count)
    }
  }

  @inline(__always)
  private func source(_ owner: Int, _ bytes: Int) -> UnsafeMutableRawPointer {
    bytes <= HostLines.inlineBytes
      ? lines.line(owner, call.number).payload : lines.slot(owner, lines.exchange)
  }
}
