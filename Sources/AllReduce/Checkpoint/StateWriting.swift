internal import AllReduceNN

/// The use of a state.
struct StateUse: OptionSet {
  let rawValue: Int

  /// The state that a resumed run resumes from.
  static let newest = StateUse(rawValue: 1)
  /// The one with the best evaluation so far.
  static let best = StateUse(rawValue: 2)
}

/// A state's file while it is written: the tensors one after the other, and the checksums in front at the end.
struct StateWriting<Scalar: NetworkScalar> {
  private let checkpoint: Checkpoint
  private let shapes: [(name: String, shape: Shape)]
  private let state: TrainingState
  private let use: StateUse
  private let file: OutputFile
  private let sums: Sums

  private final class Sums {
    var all: [WeightChecksum.Running]
    init(count: Int) { all = Array(repeating: WeightChecksum.Running(), count: count) }
  }

  /// Begins a file beside the states that are there.
  ///
  /// - Throws: ``DataError`` if there is not enough room for all of it, or it cannot be written; ``OutputError``.
  init(
    _ checkpoint: Checkpoint, _ shapes: [(name: String, shape: Shape)], _ state: TrainingState,
    as use: StateUse
  ) throws {
    (self.checkpoint, self.shapes, self.state, self.use) = (checkpoint, shapes, state, use)
    sums = Sums(count: shapes.count)
    // The checksums are not known yet, but how long they are.
    let header = StateWriting.header(shapes, sums.all.map(\.value), state)
    let numbers = shapes.reduce(0) { $0 + $1.shape.count }
    try checkpoint.requireRoom(bytes: header.count + numbers * MemoryLayout<Scalar>.stride)
    file = try OutputFile(
      path: use.contains(.newest) ? checkpoint.path : checkpoint.bestPath, .own)
    try header.withUnsafeBytes { try file.write($0) }
  }

  /// Writes the next elements, which are of a tensor.
  ///
  /// - Throws: ``TrainingError`` if one is not finite: such a state would take the place of the last one that a
  ///   training can resume from; ``OutputError``.
  func add(_ chunk: UnsafeBufferPointer<Scalar>, to number: Int) throws {
    guard StateWriting.isFinite(chunk) else {
      throw TrainingError.notFinite(tensor: shapes[number].name)
    }
    sums.all[number].add(UnsafeRawBufferPointer(chunk))
    try file.write(UnsafeRawBufferPointer(chunk))
  }

  /// Whether all numbers are finite. By type: the general way asks a table for each number, which takes longer than to
  /// write it.
  private static func isFinite(_ chunk: UnsafeBufferPointer<Scalar>) -> Bool {
    let bytes = UnsafeRawBufferPointer(chunk)
    if Scalar.self == Float.self {
      // A number that is not finite has all bits of its exponent.
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
    // Without a way out in the middle, so that it takes several numbers at once.
    var isInfinite = false
    for word in words { isInfinite = (word & exponent == exponent) || isInfinite }
    return !isInfinite
  }

  /// Brings it to the disk, and makes it the newest state, the best one, or both.
  ///
  /// - Throws: ``DataError``; ``OutputError``.
  func finish() throws {
    try StateWriting.header(shapes, sums.all.map(\.value), state).withUnsafeBytes {
      try file.replaceStart($0)
    }
    guard use.contains(.newest) else { return try file.finish() }
    try file.finish { checkpoint.keepNewest() }
    if use.contains(.best) { try checkpoint.keepNewestAsBest() }
  }

  /// The file's header, with its own checksum.
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
