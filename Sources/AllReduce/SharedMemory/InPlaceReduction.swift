package import AllReduceMPI

/// An all-reduce, or another collective, of elements in memory that all ranks of the host can access: one pass over
/// memory.
///
/// Every rank owns a slice of the vector. After all ranks have announced that their elements are ready, each rank reads
/// its slice from all p parts and writes the result to all p parts; the call is over when all ranks have finished. Each
/// element is read once and written once on every rank. This costs the same as p concurrent copies, and is the least
/// possible.
package struct InPlaceReduction {
  let lines: HostLines
  let kernel: ReductionKernel
  let call: HostCall
  /// Where each rank's part of the arena begins.
  let parts: UnsafePointer<UnsafeMutableRawPointer>
  /// Where each rank's elements begin; known after that rank has announced its call.
  let elements: UnsafeMutablePointer<UnsafeMutableRawPointer>

  /// The size of a block in bytes; a block stays in the L1 cache while it is combined.
  private static let blockBytes = 8 << 10

  package init(
    lines: HostLines, kernel: ReductionKernel, call: HostCall,
    parts: UnsafePointer<UnsafeMutableRawPointer>,
    elements: UnsafeMutablePointer<UnsafeMutableRawPointer>
  ) {
    self.lines = lines
    self.kernel = kernel
    self.call = call
    self.parts = parts
    self.elements = elements
  }

  /// Waits until all ranks have announced the call, does this rank's share, and waits until all ranks have done theirs.
  package func run() throws(CallFailed) {
    for owner in 0..<lines.size where owner != lines.rank {
      try lines.wait(for: lines.line(owner, call.number).number, toReach: call.number, of: owner)
    }
    try doShare()
    for owner in 0..<lines.size where owner != lines.rank {
      try lines.wait(for: lines.finished(owner), toReach: call.number, of: owner)
    }
  }

  /// Whether all ranks have announced the call.
  var isAnnounced: Bool {
    (0..<lines.size).allSatisfy { lines.line($0, call.number).number.value >= call.number }
  }

  /// Whether all ranks have done their share.
  var isFinished: Bool {
    (0..<lines.size).allSatisfy { lines.finished($0).value >= call.number }
  }

  /// Does this rank's share of a call that all ranks have announced, and announces that the share is done.
  ///
  /// - Throws: ``CallFailed`` if another rank makes a different call.
  func doShare() throws(CallFailed) {
    for owner in 0..<lines.size {
      let line = lines.line(owner, call.number)
      if owner != lines.rank { try call.check(line) }
      elements[owner] = parts[owner] + line.place
    }
    switch call.collective {
    case .allReduce: reduce(ownSlice, writingTo: call.leader.map { $0..<$0 + 1 } ?? 0..<lines.size)
    case .reduce(let root): reduce(ownSlice, writingTo: root..<root + 1)
    case .reduceScatter:
      reduce(BlockPartition(count: call.count, parts: lines.size)[lines.rank], writingTo: 0..<0)
    case .allGather:
      let blocks = BlockPartition(count: call.count, parts: lines.size)
      for turn in 1..<lines.size {
        let owner = (lines.rank + turn) % lines.size
        copy(blocks[owner], from: owner)
      }
    case .allToAll:
      let blocks = ExchangedBlocks(count: call.count, ranks: lines.size)
      for turn in 1..<lines.size {
        let owner = (lines.rank + turn) % lines.size
        copy(
          blocks.leaving(to: lines.rank), from: owner,
          to: blocks.arriving(from: owner).lowerBound)
      }
    case .broadcast(let root):
      if lines.rank != root { copy(0..<call.count, from: root) }
    }
    lines.raise(lines.finished(lines.rank), to: call.number)
  }

  private var ownSlice: Range<Int> {
    HostSlices(count: call.count, stride: kernel.stride, ranks: lines.size)[lines.rank]
  }

  /// Combines a slice of all parts in this rank's own part, and copies the result to the parts of the ranks in
  /// `targets`.
  private func reduce(_ slice: Range<Int>, writingTo targets: Range<Int>) {
    let (rank, size, stride) = (lines.rank, lines.size, kernel.stride)
    let own = elements[rank]
    let finish = call.leader == nil ? kernel.finish : nil
    // The slice is read from all other ranks, and written to those of them that get the result.
    let others = size &- 1 &+ targets.count &- (targets.contains(rank) ? 1 : 0)
    lines.traffic.pointee.addMemory(others &* slice.count &* stride)
    if size == 2, targets.count == 2 {
      let offset = slice.lowerBound &* stride
      kernel.combineBoth(own + offset, elements[1 - rank] + offset, slice.count)
      return
    }
    let block = InPlaceReduction.blockBytes / stride
    var start = slice.lowerBound
    while start < slice.upperBound {
      let count = min(block, slice.upperBound &- start)
      let offset = start &* stride
      var owner = rank
      for _ in 1..<size {
        owner = owner + 1 == size ? 0 : owner + 1
        kernel.combine(own + offset, elements[owner] + offset, count)
      }
      finish?(own + offset, count, size)
      for target in targets where target != rank {
        (elements[target] + offset).copyMemory(from: own + offset, byteCount: count &* stride)
      }
      start += count
    }
  }

  private func copy(_ range: Range<Int>, from owner: Int, to place: Int? = nil) {
    let stride = kernel.stride
    lines.traffic.pointee.addMemory(range.count * stride)
    (elements[lines.rank] + (place ?? range.lowerBound) * stride).copyMemory(
      from: elements[owner] + range.lowerBound * stride, byteCount: range.count * stride)
  }
}

/// The division of a vector into one slice per rank, at cache-line boundaries, so that no two ranks write to the same
/// line.
struct HostSlices {
  private let lines: BlockPartition
  private let count: Int
  private let perLine: Int

  init(count: Int, stride: Int, ranks: Int) {
    perLine = 64 / stride
    self.count = count
    lines = BlockPartition(count: (count + perLine - 1) / perLine, parts: ranks)
  }

  subscript(rank: Int) -> Range<Int> {
    let slice = lines[rank]
    return min(slice.lowerBound * perLine, count)..<min(slice.upperBound * perLine, count)
  }
}
