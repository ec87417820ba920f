internal import AllReduceMPI
internal import AllReduceNN

/// Which rank provides which pieces of the training state's tensors; the same on all ranks.
struct StateOwners<Scalar: NetworkScalar & ReducibleScalar> {
  /// A piece of a tensor, with the rank that provides it and the index of the part in which that rank holds it.
  struct Owned {
    let rank: Int
    let part: Int
    let piece: StatePiece
    /// The index of the piece's first element in the memory of the part.
    var place = 0

    /// Returns the elements of this piece that `owned` does not contain: all or none, except for single runs that
    /// overlap, as they do between hosts with different numbers of ranks.
    func left(by owned: [Owned]) -> [Owned] {
      guard piece.runs == 1 else { return owned.contains { $0.piece == piece } ? [] : [self] }
      var left = [piece.first..<piece.end]
      for other in owned where other.piece.runs == 1 {
        let taken = other.piece.first..<other.piece.end
        left = left.flatMap { range in
          guard range.overlaps(taken) else { return [range] }
          return [
            range.lowerBound..<max(range.lowerBound, taken.lowerBound),
            min(range.upperBound, taken.upperBound)..<range.upperBound,
          ].filter { !$0.isEmpty }
        }
      }
      return left.map {
        Owned(
          rank: rank, part: part, piece: StatePiece($0), place: $0.lowerBound - piece.first)
      }
    }
  }

  /// The pieces of each tensor, which together contain each element once.
  let pieces: [[Owned]]
  private let tensors: [StateTensor<Scalar>]
  private let communicator: Communicator
  private let scratch = Scratch()

  /// The number of elements that are gathered at once: 8 MiB of `Float`, 16 MiB of `Double`.
  static var chunkCount: Int { 2 << 20 }

  /// Determines which rank provides which pieces. Collective.
  ///
  /// - Throws: ``AgreedError`` if the ranks have different tensors; ``MPIError``.
  init(_ tensors: [StateTensor<Scalar>], over communicator: Communicator) throws {
    let text = tensors.map { "\($0.name) \($0.shape)" }.joined(separator: "\n")
    try communicator.requireEqual(checksum: Checksum.of(text), "tensors of the state")
    let own = tensors.enumerated().flatMap { number, tensor in
      tensor.parts.enumerated().flatMap { part, held in
        [
          number, part, held.piece.first, held.piece.runLength, held.piece.distance,
          held.piece.runs,
        ].map { Int64($0) }
      }
    }
    let counts = try communicator.allGatherNatively(own.count)
    var all = [Int64](repeating: 0, count: counts.reduce(0, +))
    let start = counts[..<communicator.rank].reduce(0, +)
    all.replaceSubrange(start..<start + own.count, with: own)
    try all.withUnsafeMutableBytes {
      try communicator.allGatherNatively($0.baseAddress, counts: counts, type: .int64)
    }
    var pieces = [[Owned]](repeating: [], count: tensors.count)
    var place = 0
    for (rank, count) in counts.enumerated() {
      let end = place + count
      while place < end {
        let numbers = all[place..<place + 6].map { Int($0) }
        let piece = StatePiece(
          first: numbers[2], runLength: numbers[3], distance: numbers[4], runs: numbers[5])
        if piece.count > 0 {
          let whole = Owned(rank: rank, part: numbers[1], piece: piece)
          pieces[numbers[0]] += whole.left(by: pieces[numbers[0]])
        }
        place += 6
      }
    }
    for (tensor, owned) in zip(tensors, pieces) {
      let held = owned.reduce(0) { $0 + $1.piece.count }
      precondition(
        held == tensor.shape.count,
        "all ranks together hold \(held) elements of \(tensor.name) \(tensor.shape)")
    }
    self.pieces = pieces
    self.tensors = tensors
    self.communicator = communicator
  }

  /// Gathers a tensor on rank 0, chunk by chunk from the first element to the last. Collective.
  ///
  /// - Parameters:
  ///   - number: The index of the tensor.
  ///   - body: Called on rank 0 with each chunk; once, with the whole tensor, if rank 0 holds it whole.
  /// - Throws: ``MPIError``.
  func gather(_ number: Int, _ body: (UnsafeBufferPointer<Scalar>) -> Void) throws {
    if isWholeOnRoot(number) {
      if communicator.isRoot { body(UnsafeBufferPointer(wholeOnRoot(number))) }
      return
    }
    let count = tensors[number].shape.count
    let room = TensorMemory<Scalar>(
      count: communicator.isRoot ? min(StateOwners.chunkCount, count) : 0)
    try forEachChunk(of: number) { chunk in
      guard communicator.isRoot else { return try gather(number, chunk, into: nil) }
      let place = UnsafeMutableBufferPointer(rebasing: room.values[0..<chunk.count])
      try gather(number, chunk, into: place)
      body(UnsafeBufferPointer(place))
    }
  }

  /// Gathers all elements of a tensor on rank 0. Collective.
  ///
  /// - Parameters:
  ///   - number: The index of the tensor.
  ///   - all: On rank 0, memory for the elements; nil on other ranks.
  /// - Throws: ``MPIError``.
  func gather(_ number: Int, into all: UnsafeMutableBufferPointer<Scalar>?) throws {
    if isWholeOnRoot(number) {
      _ = all?.update(fromContentsOf: wholeOnRoot(number))
      return
    }
    try forEachChunk(of: number) { chunk in
      try gather(
        number, chunk, into: all.map { UnsafeMutableBufferPointer(rebasing: $0[chunk]) })
    }
  }

  /// Whether rank 0 provides the whole tensor as one piece.
  private func isWholeOnRoot(_ number: Int) -> Bool {
    let owned = pieces[number]
    return owned.count == 1 && owned[0].rank == 0
      && owned[0].piece == StatePiece(0..<tensors[number].shape.count)
  }

  private func wholeOnRoot(_ number: Int) -> UnsafeMutableBufferPointer<Scalar> {
    tensors[number].parts[pieces[number][0].part].values
  }

  private func forEachChunk(of number: Int, _ body: (Range<Int>) throws -> Void) rethrows {
    let count = tensors[number].shape.count
    for start in stride(from: 0, to: count, by: StateOwners.chunkCount) {
      try body(start..<min(start + StateOwners.chunkCount, count))
    }
  }

  /// Gathers a chunk of a tensor on rank 0: directly to its place if each rank has one run of it, otherwise packed.
  private func gather(
    _ number: Int, _ chunk: Range<Int>, into whole: UnsafeMutableBufferPointer<Scalar>?
  ) throws {
    let (tensor, owned) = (tensors[number], pieces[number])
    var counts = [Int](repeating: 0, count: communicator.size)
    var starts = counts
    var own = UnsafeMutableBufferPointer<Scalar>(start: nil, count: 0)
    var hasSeveralRuns = false
    for part in owned {
      part.piece.forEachRun(within: chunk) { element, from, count in
        if counts[part.rank] > 0 { hasSeveralRuns = true }
        counts[part.rank] += count
        starts[part.rank] = element - chunk.lowerBound
        guard part.rank == communicator.rank else { return }
        let place = part.place + from
        own = UnsafeMutableBufferPointer(
          rebasing: tensor.parts[part.part].values[place..<place + count])
      }
    }
    if hasSeveralRuns {
      own = UnsafeMutableBufferPointer(
        rebasing: scratch.packed.values[0..<counts[communicator.rank]])
      pack(tensor, owned, chunk, own)
    }
    let gathered = hasSeveralRuns && communicator.isRoot ? scratch.gathered.values : whole
    try communicator.gatherNatively(
      UnsafeRawBufferPointer(own), into: UnsafeMutableRawPointer(gathered?.baseAddress),
      counts: counts, starts: hasSeveralRuns ? nil : starts, type: Scalar.scalarType, to: 0)
    if hasSeveralRuns, let gathered, let whole { unpack(owned, chunk, gathered, whole) }
  }

  /// Memory for packed elements, allocated when it is first needed and then kept.
  private final class Scratch {
    lazy var packed = TensorMemory<Scalar>(count: chunkCount)
    lazy var gathered = TensorMemory<Scalar>(count: chunkCount)
  }

  /// Copies this rank's elements of a chunk to `packed`, piece after piece.
  private func pack(
    _ tensor: StateTensor<Scalar>, _ owned: [Owned], _ chunk: Range<Int>,
    _ packed: UnsafeMutableBufferPointer<Scalar>
  ) {
    var place = 0
    for part in owned where part.rank == communicator.rank {
      let values = tensor.parts[part.part].values
      part.piece.forEachRun(within: chunk) { _, from, count in
        _ = UnsafeMutableBufferPointer(rebasing: packed[place..<place + count])
          .update(fromContentsOf: values[part.place + from..<part.place + from + count])
        place += count
      }
    }
  }

  /// Copies the packed elements that all ranks sent, in the order of ranks, to their places in the chunk `whole`.
  private func unpack(
    _ owned: [Owned], _ chunk: Range<Int>, _ received: UnsafeMutableBufferPointer<Scalar>,
    _ whole: UnsafeMutableBufferPointer<Scalar>
  ) {
    var place = 0
    // Pieces were found rank by rank, so they are in the order of ranks.
    for part in owned {
      part.piece.forEachRun(within: chunk) { element, _, count in
        let to = element - chunk.lowerBound
        _ = UnsafeMutableBufferPointer(rebasing: whole[to..<to + count])
          .update(fromContentsOf: received[place..<place + count])
        place += count
      }
    }
  }
}
