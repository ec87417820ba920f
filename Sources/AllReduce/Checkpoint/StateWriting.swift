internal import AllReduceNN

/// What a checkpoint is kept as: the newest, the best, or both.
struct StateUse: OptionSet {
  let rawValue: Int

  /// The newest checkpoint, from which a run resumes.
  static let newest = StateUse(rawValue: 1)
  /// The checkpoint with the best evaluation so far.
  static let best = StateUse(rawValue: 2)
}

/// A checkpoint file that is being written: the tensors one after the other, and at the end the checksums in the
/// header.
struct StateWriting<Scalar: NetworkScalar> {
  private let checkpoint: Checkpoint
  private let shapes: [(name: String, shape: Shape)]
  private let state: TrainingState
  private let use: StateUse
  private let file: OutputFile
  private let sums: Sums

  private final class Sums {
    var all: [Checksum.Running]
    init(count: Int) { all = Array(repeating: Checksum.Running(), count: count) }
  }

  /// Creates the file, next to the existing checkpoints, and writes a header with preliminary checksums.
  ///
  /// - Throws: ``DataError`` if there is not enough room for the whole file, or it cannot be created; ``OutputError``
  ///   if a write fails.
  init(
    _ checkpoint: Checkpoint, _ shapes: [(name: String, shape: Shape)], _ state: TrainingState,
    as use: StateUse
  ) throws {
    (self.checkpoint, self.shapes, self.state, self.use) = (checkpoint, shapes, state, use)
    sums = Sums(count: shapes.count)
    // The checksums are not known yet, but their length is.
    let header = StateWriting.header(shapes, sums.all.map(\.value), state)
    let numbers = shapes.reduce(0) { $0 + $1.shape.count }
    try checkpoint.requireRoom(bytes: header.count + numbers * MemoryLayout<Scalar>.stride)
    file = try OutputFile(
      path: use.contains(.newest) ? checkpoint.path : checkpoint.bestPath, .own)
    try header.withUnsafeBytes { try file.write($0) }
  }

  /// Writes the next elements of the file, which belong to the tensor with index `number`.
  ///
  /// - Throws: ``TrainingError`` if an element is not finite, since such a checkpoint would replace the last one that
  ///   training can resume from; ``OutputError`` if a write fails.
  func add(_ chunk: UnsafeBufferPointer<Scalar>, to number: Int) throws {
    guard StateWriting.isFinite(chunk) else {
      throw TrainingError.notFinite(tensor: shapes[number].name)
    }
    sums.all[number].add(UnsafeRawBufferPointer(chunk))
    try file.write(UnsafeRawBufferPointer(chunk))
    try file.flushBehind()
  }

  /// Whether all numbers are finite. Specialized by type: the generic test calls through a table for each number, which
  /// takes longer than writing the number.
  private static func isFinite(_ chunk: UnsafeBufferPointer<Scalar>) -> Bool {
    let bytes = UnsafeRawBufferPointer(chunk)
    if Scalar.self == Float.self {
      // A number that is not finite has all bits of its exponent set.
      return isFinite(bytes.bindMemory(to: UInt32.self), exponent: 0x7F80_0000)
    }
    if Scalar.self == Double.self {
      return isFinite(bytes.bindMemory(to: UInt64.self), exponent: 0x7FF0_0000_0000_0000)
    }
    return chunk.allSatisfy(\.isFinite)
  }

  @inline(__always)
  private static func isFinite<Word: FixedWidthInteger>(
    _ words: UnsafeBufferPointer<Word>, exponent: Word
  ) -> Bool {
    // There is no early exit, so that the loop tests several numbers at once.
    var isInfinite = false
    for word in words { isInfinite = (word & exponent == exponent) || isInfinite }
    return !isInfinite
  }

  /// Writes the checksums, makes sure that the file is on disk, and makes it the newest checkpoint, the best, or both.
  ///
  /// - Throws: ``DataError`` if a file cannot be created; ``OutputError`` if a write fails.
  func finish() throws {
    try StateWriting.header(shapes, sums.all.map(\.value), state).withUnsafeBytes {
      try file.replaceStart($0)
    }
    guard use.contains(.newest) else { return try file.finish() }
    try file.finish { checkpoint.keepNewest() }
    if use.contains(.best) { try checkpoint.keepNewestAsBest() }
  }

  /// Returns the file's header, with its own checksum.
  private static func header(
    _ shapes: [(name: String, shape: Shape)], _ sums: [UInt64], _ state: TrainingState
  ) -> [UInt8] {
    let type = SafetensorsEntry.type(of: Scalar.self)
    var header = SafetensorsHeader(
      metadata: [
        ("format", CheckpointFile.format), ("version", CheckpointFile.version),
        (CheckpointChecksums.headerKey, CheckpointChecksums.unknown),
        ("layout", WeightLayout.name), ("training", state.encoded),
        (
          CheckpointChecksums.tensorsKey,
          CheckpointChecksums.text(zip(shapes, sums).map { ($0.name, $1) })
        ),
      ], tensors: shapes.map { ($0.name, type, $0.shape) }
    ).encoded
    CheckpointChecksums.seal(&header)
    return header
  }
}
