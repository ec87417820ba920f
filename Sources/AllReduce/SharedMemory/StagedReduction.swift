package import AllReduceMPI

/// All-reduce of memory that only its own process can reach, through slots in shared memory that stay
/// in the caches.
///
/// The vector is cut into pieces, and a piece into one slice a rank. A rank puts all slices of a piece
/// but its own into its slot; adds up its own slice from its memory and the others' slots, and writes
/// the result over what it read there; and takes the other slices' results from its own slot. While the
/// others work on one piece it puts the next into a second slot, so that it seldom waits.
///
/// So a slot's cache line goes to and fro between two cores, and each writes it after having read it.
/// That is what makes this fast: to write a line that another core has read since costs 7 ns (AMD Zen 4),
/// because that core must be asked to forget it, and such requests do not overlap as reads do; to take
/// over a line that another core has written costs 1 ns. With results in slots of their own the same
/// reduction took 4 times as long.
///
/// A slot is used again two pieces later: by then its owner has waited for the results of the piece, after
/// which no rank touches it.
package struct StagedReduction {
  let lines: HostLines
  let kernel: ReductionKernel
  let call: HostCall

  package init(lines: HostLines, kernel: ReductionKernel, call: HostCall) {
    self.lines = lines
    self.kernel = kernel
    self.call = call
  }

  /// Bytes of a piece: small enough that the slots stay in the second-level caches, large enough that
  /// waits are few (measured on 2 cores with 1 MiB each: 64 to 256 KiB are alike).
  package static let pieceBytes = 128 << 10

  package func allReduce(
    _ values: UnsafeMutableRawPointer, pieceBytes: Int
  ) throws(CallFailed) {
    let length = min(pieceBytes, HostLines.pieceBytes) / kernel.stride
    let pieces = (call.count + length - 1) / length
    let first = lines.piece &+ 1
    // Now, not at the end: where ranks disagree, they continue after the last piece that any rank has touched.
    lines.piece = first &+ UInt64(pieces - 1)
    call.announce(lines)
    let piece = { (index: Int) in
      Piece(
        number: first &+ UInt64(index), start: values + index &* length &* kernel.stride,
        count: min(length, call.count - index * length), stride: kernel.stride, size: lines.size)
    }
    stage(piece(0))
    for index in 0..<pieces {
      if index + 1 < pieces { stage(piece(index + 1)) }
      try reduce(piece(index), isFirst: index == 0)
      try collect(piece(index))
    }
  }

  private struct Piece {
    let number: UInt64
    let start: UnsafeMutableRawPointer
    let count: Int
    let stride: Int
    let slices: HostSlices

    @inline(__always)
    init(number: UInt64, start: UnsafeMutableRawPointer, count: Int, stride: Int, size: Int) {
      self.number = number
      self.start = start
      self.count = count
      self.stride = stride
      slices = HostSlices(count: count, stride: stride, ranks: size)
    }

    /// Offset and length of a rank's slice, in bytes.
    @inline(__always)
    func bytes(of rank: Int) -> (offset: Int, count: Int) {
      let slice = slices[rank]
      return (slice.lowerBound &* stride, slice.count &* stride)
    }
  }

  /// Puts the slices that others own into this rank's slot.
  private func stage(_ piece: Piece) {
    let slot = lines.stagedSlot(lines.rank, piece.number)
    for owner in 0..<lines.size where owner != lines.rank {
      let (offset, count) = piece.bytes(of: owner)
      (slot + offset).copyMemory(from: piece.start + offset, byteCount: count)
    }
    lines.raise(lines.staged(lines.rank), to: piece.number)
  }

  /// Adds up this rank's slice and leaves the result where the others put their parts.
  private func reduce(_ piece: Piece, isFirst: Bool) throws(CallFailed) {
    let (rank, size) = (lines.rank, lines.size)
    let (offset, bytes) = piece.bytes(of: rank)
    let count = bytes / kernel.stride
    let target = piece.start + offset
    // Read from the others' slots, and written there.
    lines.traffic.pointee.addMemory(2 &* (size &- 1) &* bytes)
    var owner = rank
    for _ in 1..<size {
      owner = owner + 1 == size ? 0 : owner + 1
      try lines.wait(for: lines.staged(owner), toReach: piece.number, of: owner)
      if isFirst { try call.check(lines.line(owner, call.number)) }
      let theirs = lines.stagedSlot(owner, piece.number) + offset
      if size == 2 {
        kernel.combineBoth(target, theirs, count)
      } else {
        kernel.combine(target, theirs, count)
      }
    }
    if size > 2 {
      kernel.finish?(target, count, size)
      for owner in 0..<size where owner != rank {
        (lines.stagedSlot(owner, piece.number) + offset).copyMemory(
          from: target, byteCount: bytes)
      }
    }
    lines.raise(lines.reduced(rank), to: piece.number)
  }

  /// Takes the others' results.
  private func collect(_ piece: Piece) throws(CallFailed) {
    let slot = lines.stagedSlot(lines.rank, piece.number)
    var owner = lines.rank
    for _ in 1..<lines.size {
      owner = owner + 1 == lines.size ? 0 : owner + 1
      try lines.wait(for: lines.reduced(owner), toReach: piece.number, of: owner)
      let (offset, count) = piece.bytes(of: owner)
      (piece.start + offset).copyMemory(from: slot + offset, byteCount: count)
    }
  }
}
