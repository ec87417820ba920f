package import AllReduceMPI
package import AllReduceNN

/// A state that ranks resume from: the newest undamaged one of a folder. Rank 0 alone reads the file.
package struct CheckpointReader {
  /// Where the training stands.
  package let state: TrainingState
  /// Remarks for the user on the file, on rank 0.
  package let notes: [String]
  /// The files that were found damaged, on rank 0: all are newer than the state.
  let damaged: [String]

  /// On rank 0.
  private let file: CheckpointFile?
  private let communicator: Communicator

  /// Opens the newest undamaged state. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is none; its message is that of the newest.
  init(_ checkpoint: Checkpoint, over communicator: Communicator) throws {
    self.communicator = communicator
    var (notes, damaged) = ([String](), [String]())
    file = try communicator.agreeing {
      guard communicator.isRoot else { return nil }
      return try CheckpointReader.newest(of: checkpoint.existing, checkpoint, &notes, &damaged)
    }
    (self.notes, self.damaged) = (notes, damaged)
    let text = try communicator.broadcast(file?.state.encoded ?? "", from: 0)
    state = try communicator.agreeing { try TrainingState(encoded: text) }
  }

  /// The plan that a run had which is to be resumed; nil where its state has none. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is no state, or only damaged ones.
  package static func plan(of checkpoints: Checkpoints, over world: Communicator) throws -> Plan? {
    let reader = try CheckpointReader(
      Checkpoint(directory: checkpoints.folder, generations: checkpoints.generations), over: world)
    guard let text = reader.state.plan else { return nil }
    return try world.agreeing { try Plan(json: text, file: "the plan of the state") }
  }

  /// Opens a state for predictions. Collective.
  ///
  /// - Parameters:
  ///   - path: The folder of a training run, whose best state is used if it is kept, else the newest; or a file.
  ///   - communicator: The ranks.
  /// - Throws: ``AgreedError`` if there is no undamaged one.
  package init(state path: String, over communicator: Communicator) throws {
    self.communicator = communicator
    var (notes, damaged) = ([String](), [String]())
    file = try communicator.agreeing {
      guard communicator.isRoot else { return nil }
      return try CheckpointReader.best(of: path, &notes, &damaged)
    }
    (self.notes, self.damaged) = (notes, damaged)
    let text = try communicator.broadcast(file?.state.encoded ?? "", from: 0)
    state = try communicator.agreeing { try TrainingState(encoded: text) }
  }

  /// Opens a state for one process: as ``init(state:over:)``.
  ///
  /// - Returns: Its file, where the training stood, and what a user should know.
  /// - Throws: ``DataError`` if there is no undamaged one.
  package static func open(
    state path: String
  ) throws -> (path: String, state: TrainingState, notes: [String]) {
    var (notes, damaged) = ([String](), [String]())
    let file = try best(of: path, &notes, &damaged)
    return (file.tensors.path, file.state, notes)
  }

  private static func best(
    of path: String, _ notes: inout [String], _ damaged: inout [String]
  ) throws -> CheckpointFile {
    let checkpoint = Checkpoint(directory: path)
    let best = checkpoint.hasBest ? [checkpoint.bestPath] : []
    let files = path.hasSuffix(".safetensors") ? [path] : best + checkpoint.existing
    return try newest(of: files, checkpoint, &notes, &damaged)
  }

  private static func newest(
    of files: [String], _ checkpoint: Checkpoint, _ notes: inout [String], _ damaged: inout [String]
  ) throws -> CheckpointFile {
    var first: DataError?
    for path in files {
      do throws(StateRefusal) {
        let file = try CheckpointFile(path: path)
        if let first {
          notes.append("warning: \(first). Falling back to the state before it, \(path).")
        }
        if !file.isChecked {
          notes.append(
            "warning: \(path) is a state of version 1, which has no checksums: corruption would go undetected."
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

  /// The error for a folder without a state.
  static func missing(_ checkpoint: Checkpoint) -> DataError {
    DataError(
      file: checkpoint.path, expected: "a state", found: "no such file",
      advice: "name the folder in which a run kept its state; a new run begins without resuming")
  }

  /// Gives all ranks what they hold of the state. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The same names and shapes on all ranks, each rank with what it holds; overwritten, but only
  ///     after all names and shapes were found right.
  ///   - left: Prefixes of the names of tensors that the state may also have.
  ///   - check: Throws, on rank 0, if something else does not fit.
  /// - Throws: ``AgreedError`` if the state belongs to a different network or optimizer.
  package func read<Scalar: NetworkScalar & ReducibleScalar>(
    into tensors: [StateTensor<Scalar>], leavingOut left: [String] = ["replicas/"],
    check: () throws -> Void = {}
  ) throws {
    let entries = try communicator.agreeing {
      guard let file else { return [SafetensorsEntry]() }
      let entries = try file.tensors.entries(for: tensors, leavingOut: left)
      try check()
      return entries
    }
    try communicator.spread(tensors) { number, range, values in
      file?.tensors.copy(entries[number], from: range.lowerBound, into: values)
    }
  }
}
