public import AllReduceMPI
public import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A folder that keeps a training's latest state, from which it goes on: on any number of ranks.
///
/// The state is one file in the safetensors format, `checkpoint.safetensors`: each tensor whole, whoever
/// held which part of it, and a ``TrainingState`` in the metadata. It is written aside and renamed: a run
/// that is killed while it writes leaves the state before. Rank 0 alone reads and writes, so the folder
/// need not be seen by other hosts.
///
/// ```swift
/// try checkpoint.write(network.stateTensors + optimizer.stateTensors, state, over: world)
/// ```
public struct Checkpoint: Sendable {
  /// The folder.
  public let directory: String

  /// Names a folder; nothing is done with it.
  public init(directory: String) {
    var directory = Substring(directory)
    while directory.count > 1, directory.last == "/" { directory.removeLast() }
    self.directory = String(directory)
  }

  /// The file of the state.
  public var path: String { "\(directory)/checkpoint.safetensors" }

  /// What the metadata calls a file of this kind, and the version of its contents.
  static let (format, version) = ("allreduce.checkpoint", "1")

  /// Makes the folder if its parent is there, and makes sure that it can be written to. Not collective:
  /// for rank 0, before the training.
  ///
  /// - Throws: ``DataError`` with the system's reason if not.
  public func prepare() throws(DataError) {
    if mkdir(directory, 0o755) != 0, errno != EEXIST {
      throw OutputFile.unwritable(directory, errno)
    }
    _ = try OutputFile(path: path)
  }

  /// Whether there is a state already.
  public var exists: Bool { access(path, F_OK) == 0 }

  /// Writes the state, in the place of the one before. Collective.
  ///
  /// Rank 0 holds a chunk of a tensor at a time (16 MiB) where it does not hold all of it anyway.
  ///
  /// - Parameters:
  ///   - tensors: The same names and shapes on all ranks, each rank with what it holds.
  ///   - state: Where the training stands; rank 0's counts.
  ///   - communicator: The ranks that hold the tensors.
  /// - Throws: ``AgreedError`` if it cannot be written, on every rank; the state before stays.
  public func write<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>], _ state: TrainingState, over communicator: Communicator
  ) throws {
    let owners = try StateOwners(tensors, over: communicator)
    let type = SafetensorsEntry.type(of: Scalar.self)
    let header = SafetensorsHeader(
      metadata: [
        ("format", Checkpoint.format), ("version", Checkpoint.version),
        ("layout", WeightLayout.name), ("training", state.encoded),
      ], tensors: tensors.map { ($0.name, type, $0.shape) })
    let file = try communicator.agreeing {
      guard communicator.isRoot else { return nil as OutputFile? }
      let file = try OutputFile(path: path)
      try header.encoded.withUnsafeBytes { try file.write($0) }
      return file
    }
    // Others are in the middle of a gather when rank 0 finds the disk full: they hear of it at the end.
    var failure: (any Error)?
    for number in tensors.indices {
      try owners.gather(number) { chunk in
        guard failure == nil else { return }
        do { try file?.write(UnsafeRawBufferPointer(chunk)) } catch { failure = error }
      }
    }
    try communicator.agreeing {
      if let failure { throw failure }
      try file?.finish()
    }
  }

  /// Reads where the training stands. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is no checkpoint, or it is damaged or something else.
  public func readState(over communicator: Communicator) throws -> TrainingState {
    let text = try communicator.agreeing { () throws -> String in
      guard communicator.isRoot else { return "" }
      return try openState().state.encoded
    }
    return try TrainingState(encoded: communicator.broadcast(text, from: 0))
  }

  /// Gives all ranks what they hold of the state. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The same names and shapes on all ranks, each rank with what it holds; overwritten, but
  ///     only after all names and shapes were found right.
  ///   - communicator: The ranks.
  /// - Throws: ``AgreedError`` if the checkpoint is damaged, or of another network or optimizer.
  public func read<Scalar: NetworkScalar & ReducibleScalar>(
    into tensors: [StateTensor<Scalar>], over communicator: Communicator
  ) throws {
    let (file, entries) = try communicator.agreeing {
      guard communicator.isRoot else { return (nil as SafetensorsFile?, [SafetensorsEntry]()) }
      let file = try openState().file
      return (file, try file.entries(for: tensors, leavingOut: ["replicas/"]))
    }
    let most = tensors.reduce(0) { max($0, $1.shape.count) }
    let room = min(most, StateOwners<Scalar>.chunkCount)
    let chunk = TensorMemory<Scalar>(count: room)
    for (number, tensor) in tensors.enumerated() {
      for start in stride(from: 0, to: tensor.shape.count, by: max(room, 1)) {
        let range = start..<min(start + room, tensor.shape.count)
        let values = UnsafeMutableBufferPointer(rebasing: chunk.values[0..<range.count])
        file?.copy(entries[number], from: range.lowerBound, into: values)
        try communicator.broadcastNatively(UnsafeMutableRawBufferPointer(values), from: 0)
        for (piece, target) in tensor.parts {
          piece.forEachRun(within: range) { element, place, count in
            let from = element - range.lowerBound
            _ = UnsafeMutableBufferPointer(rebasing: target[place..<place + count])
              .update(fromContentsOf: values[from..<from + count])
          }
        }
      }
    }
    // Ranks may read what others hold, in memory that they share.
    try communicator.barrier()
  }

  private func openState() throws(DataError) -> (file: SafetensorsFile, state: TrainingState) {
    let file = try SafetensorsFile(path: path)
    func foreign(_ expected: String, _ found: String) -> DataError {
      DataError(
        file: path, expected: expected, found: found,
        advice: "name a folder with a checkpoint that train-classifier or this library wrote")
    }
    guard file.metadata["format"] == Checkpoint.format else {
      throw foreign(
        "the format \"\(Checkpoint.format)\" in the metadata",
        file.metadata["format"].map { "\"\($0)\"" } ?? "none")
    }
    try WeightLayout.require(in: file)
    guard file.metadata["version"] == Checkpoint.version, let text = file.metadata["training"]
    else {
      throw foreign(
        "version \(Checkpoint.version) of the state", file.metadata["version"] ?? "none")
    }
    do {
      return (file, try TrainingState(encoded: text))
    } catch {
      throw foreign(error.expected + " of the training's state", error.found)
    }
  }
}
