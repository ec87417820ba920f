package import AllReduceMPI

/// All-reduce of a small vector: every rank puts its elements where the others can read them, and
/// adds up those of all ranks.
///
/// One wait. A few elements travel in the cache line that carries the call's number; more in slots that
/// take turns. Of two ranks each next writes the slot that it read last: taking over a line that another
/// core has written is far cheaper than writing one that another core has read (``StagedReduction``).
/// Among more a slot is free again two calls later: a rank that announces a call has read what the call
/// before it brought.
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

  /// The largest vector that goes this way from an array, in bytes.
  ///
  /// Each of more than two ranks reads everything that all others wrote. (With 3 ranks on 2 cores 16 KiB took
  /// 10 µs this way and 8 µs in pieces; 23 and 9 µs where the cores had no cache in common.)
  @inline(__always)
  package static func limit(ranks: Int) -> Int { ranks == 2 ? HostLines.slotBytes : arenaLimit }

  /// The largest vector that goes this way from an arena, where the other way needs no copy.
  static var arenaLimit: Int { 4 << 10 }

  /// The largest number of bytes that two ranks exchange in one piece.
  private static var undividedBytes: Int { 512 }

  /// Combines the ranks' elements at `values`.
  ///
  /// - Parameters:
  ///   - values: This rank's elements; afterwards the result.
  ///   - note: Called once the others can see the call, and before this rank waits for them.
  /// - Throws: ``CallFailed`` if another rank called something else.
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

  /// Same as ``allReduce(_:noting:)``, of two ranks, whose elements fit into their call lines.
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

  /// One number is copied by a load and a store.
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
    // In rank order on every rank, so that all get the same bits.
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

  /// In two halves, if large: while a rank writes its second half, its first one reaches the other. (4 KiB
  /// took 0.33 instead of 0.36 µs, 16 KiB 0.88 instead of 0.92. A number in each cache line, so that data
  /// need not wait for another line, made 1 KiB a tenth faster and 4 KiB a third slower.)
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
