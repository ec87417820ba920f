package import AllReduceMPI

/// All-reduce of a small vector: every rank puts its elements where the others can read them, and
/// adds up everybody's by itself.
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

  package init(lines: HostLines, kernel: ReductionKernel, call: HostCall) {
    self.lines = lines
    self.kernel = kernel
    self.call = call
  }

  /// The largest vector, in bytes.
  package static var limit: Int { HostLines.slotBytes }

  /// The largest vector that goes this way from an arena, where the other way needs no copy.
  static var arenaLimit: Int { 4 << 10 }

  /// Combines the ranks' elements at `values`.
  ///
  /// - Parameter values: This rank's elements; afterwards the result.
  /// - Throws: ``MPIError`` if another rank called something else.
  package func allReduce(_ values: UnsafeMutableRawPointer) throws {
    let bytes = call.count &* kernel.stride
    if bytes > HostLines.inlineBytes { lines.exchange &+= 1 }
    source(lines.rank, bytes).copyMemory(from: values, byteCount: bytes)
    call.announce(lines)
    if lines.size == 2 {
      let other = 1 &- lines.rank
      try call.await(other, lines)
      kernel.combineSymmetrically(values, source(other, bytes), call.count)
    } else {
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
    kernel.finish?(values, call.count, lines.size)
  }

  @inline(__always)
  private func source(_ owner: Int, _ bytes: Int) -> UnsafeMutableRawPointer {
    bytes <= HostLines.inlineBytes
      ? lines.line(owner, call.number).payload : lines.slot(owner, lines.exchange)
  }
}
