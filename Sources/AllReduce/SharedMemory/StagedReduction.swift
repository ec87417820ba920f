package import AllReduceMPI

/// An all-reduce of memory that only its own process can access, through slots in shared memory that stay in the
/// caches.
///
/// The vector is divided into pieces, and each piece into one slice per rank. A rank copies all slices of a piece,
/// except its own, into its slot. It then combines its own slice from its memory and the other ranks' slots, and
/// overwrites the slices that it read there with the result. Last, it copies the results of the other slices from its
/// own slot. While the other ranks work on one piece, it copies the next piece into a second slot, so that it seldom
/// waits.
///
/// In this way, a cache line of a slot alternates between two cores, and each core writes the line after it has read
/// it. That is what makes this fast: to write a line that another core has read since costs 7 ns (AMD Zen 4), because
/// that core must first invalidate its copy, and such requests do not overlap as reads do; to take over a line that
/// another core has written costs 1 ns. With separate slots for results, the same reduction took 4 times as long.
///
/// A slot is reused two pieces later: by then its owner has waited for the results of the earlier piece, after which no
/// rank accesses the slot for that piece.
package struct StagedReduction {
  let lines: HostLines
  let kernel: ReductionKernel
  let call: HostCall

  package init(lines: HostLines, kernel: ReductionKernel, call: HostCall) {
    self.lines = lines
    self.kernel = kernel
    self.call = call
  }

  /// The size of a piece in bytes: small enough that the slots stay in the second-level caches, large enough that waits
  /// are few (measured on 2 cores with 1 MiB each: 64 to 256 KiB are equally fast).
  package static let pieceBytes = 128 << 10

  package func allReduce(
    _ values: UnsafeMutableRawPointer, pieceBytes: Int
  ) throws(CallFailed) {
    let length = min(pieceBytes, HostLines.pieceBytes) / kernel.stride
    let pieces = (call.count + length - 1) / length
    let first = lines.piece &+ 1
    // Set now, not at the end: after a disagreement, ranks continue after the last piece that any rank has touched.
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

    /// Returns the offset and the length of a rank's slice, in bytes.
    @inline(__always)
    func bytes(of rank: Int) -> (offset: Int, count: Int) {
      let slice = slices[rank]
      return (slice.lowerBound &* stride, slice.count &* stride)
    }
  }

  /// Copies the slices that other ranks own into this rank's slot.
  private func stage(_ piece: Piece) {
    let slot = lines.stagedSlot(lines.rank, piece.number)
    for owner in 0..<lines.size where owner != lines.rank {
      let (offset, count) = piece.bytes(of: owner)
      (slot + offset).copyMemory(from: piece.start + offset, byteCount: count)
    }
    lines.raise(lines.staged(lines.rank), to: piece.number)
  }

  /// Combines this rank's slice, and writes the result to the other ranks' slots, where it read their elements.
  private func reduce(_ piece: Piece, isFirst: Bool) throws(CallFailed) {
    let (rank, size) = (lines.rank, lines.size)
    let (offset, bytes) = piece.bytes(of: rank)
    let count = bytes / kernel.stride
    let target = piece.start + offset
    // The slices are read from the other ranks' slots, and the result is written there.
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

  /// Copies the results of the other ranks' slices from this rank's slot.
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
