internal import AllReduceMPI
internal import AllReduceNN

/// A state that ranks go on from: the newest whole one of a folder. Rank 0 alone reads the file.
struct CheckpointReader {
  /// Where the training stands.
  let state: TrainingState
  /// What a user should know of the file, on rank 0.
  let notes: [String]
  /// The files that were found damaged, on rank 0: all are newer than the state.
  let damaged: [String]

  /// On rank 0.
  private let file: CheckpointFile?
  private let communicator: Communicator

  /// Opens the newest state that is whole. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is none; the words are those of the newest.
  init(_ checkpoint: Checkpoint, over communicator: Communicator) throws {
    self.communicator = communicator
    var (notes, damaged) = ([String](), [String]())
    file = try communicator.agreeing {
      guard communicator.isRoot else { return nil }
      return try CheckpointReader.newest(of: checkpoint, &notes, &damaged)
    }
    (self.notes, self.damaged) = (notes, damaged)
    let text = try communicator.broadcast(file?.state.encoded ?? "", from: 0)
    state = try communicator.agreeing { try TrainingState(encoded: text) }
  }

  private static func newest(
    of checkpoint: Checkpoint, _ notes: inout [String], _ damaged: inout [String]
  ) throws -> CheckpointFile {
    var first: DataError?
    for path in checkpoint.existing {
      do throws(StateRefusal) {
        let file = try CheckpointFile(path: path)
        if let first { notes.append("warning: \(first). The state before it is taken, \(path).") }
        if !file.isChecked {
          notes.append(
            "warning: \(path) is a state of version 1, which has no checksums: damage would not be seen."
          )
        }
        return file
      } catch {
        guard error.isDamage else { throw first ?? error.error }
        first = first ?? error.error
        damaged.append(path)
      }
    }
    throw first ?? missing(checkpoint)
  }

  /// What is said of a folder without a state.
  static func missing(_ checkpoint: Checkpoint) -> DataError {
    DataError(
      file: checkpoint.path, expected: "the state to resume from", found: "no such file",
      advice: "begin without resuming, or name the folder of a run")
  }

  /// Gives all ranks what they hold of the state. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The same names and shapes on all ranks, each rank with what it holds; overwritten, but only
  ///     after all names and shapes were found right.
  ///   - check: Throws, on rank 0, if something else does not fit.
  /// - Throws: ``AgreedError`` if the state is of another network or optimizer.
  func read<Scalar: NetworkScalar & ReducibleScalar>(
    into tensors: [StateTensor<Scalar>], check: () throws -> Void = {}
  ) throws {
    let entries = try communicator.agreeing {
      guard let file else { return [SafetensorsEntry]() }
      let entries = try file.tensors.entries(for: tensors, leavingOut: ["replicas/"])
      try check()
      return entries
    }
    let most = tensors.reduce(0) { max($0, $1.shape.count) }
    let room = min(most, StateOwners<Scalar>.chunkCount)
    let chunk = TensorMemory<Scalar>(count: room)
    for (number, tensor) in tensors.enumerated() {
      for start in stride(from: 0, to: tensor.shape.count, by: max(room, 1)) {
        let range = start..<min(start + room, tensor.shape.count)
        let values = UnsafeMutableBufferPointer(rebasing: chunk.values[0..<range.count])
        file?.tensors.copy(entries[number], from: range.lowerBound, into: values)
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
}
