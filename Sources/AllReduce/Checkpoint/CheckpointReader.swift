package import AllReduceMPI
package import AllReduceNN

/// A checkpoint that ranks resume from: the newest undamaged one of a folder. Rank 0 alone reads the file.
package struct CheckpointReader {
  /// Where the training run stood when the checkpoint was written.
  package let state: TrainingState
  /// Remarks on the file for the user; empty on ranks other than 0.
  package let notes: [String]
  /// The paths of damaged files, which are all newer than the checkpoint that is read; empty on ranks other than 0.
  let damaged: [String]

  /// The checkpoint file; nil on ranks other than 0.
  private let file: CheckpointFile?
  private let communicator: Communicator

  /// Opens the newest undamaged checkpoint of a folder. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is none, with the message for the newest file.
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

  /// Returns the plan of the training run that is to be resumed; nil if its checkpoint has no plan. Collective.
  ///
  /// - Throws: ``AgreedError`` if there is no checkpoint, or only damaged ones.
  package static func plan(of checkpoints: Checkpoints, over world: Communicator) throws -> Plan? {
    let reader = try CheckpointReader(
      Checkpoint(directory: checkpoints.folder, generations: checkpoints.generations), over: world)
    guard let text = reader.state.plan else { return nil }
    return try world.agreeing { try Plan(json: text, file: "the plan of the state") }
  }

  /// Opens a checkpoint for predictions. Collective.
  ///
  /// - Parameters:
  ///   - path: A checkpoint file; or the folder of a training run, whose best checkpoint is used if there is one,
  ///     otherwise the newest.
  ///   - communicator: The ranks that use the checkpoint.
  /// - Throws: ``AgreedError`` if there is no undamaged checkpoint.
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

  /// Opens a checkpoint for one process, without communication; otherwise the same as ``init(state:over:)``.
  ///
  /// - Returns: The path of the checkpoint file, where the training run stood, and remarks for the user.
  /// - Throws: ``DataError`` if there is no undamaged checkpoint.
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

  /// Returns the error for a folder without a checkpoint.
  static func missing(_ checkpoint: Checkpoint) -> DataError {
    DataError(
      file: checkpoint.path, expected: "a state", found: "no such file",
      advice: "name the folder in which a run kept its state; a new run begins without resuming")
  }

  /// Reads, from the checkpoint, the parts of the tensors that each rank holds. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The tensors to fill: the same names and shapes on all ranks, each with the parts that this rank
  ///     holds. They are overwritten only after all names and shapes have been checked.
  ///   - left: Prefixes of the names of tensors that the checkpoint may also have, and that are not read.
  ///   - check: Called on rank 0 before tensors are read; throws if something else does not fit.
  /// - Throws: ``AgreedError`` if the checkpoint belongs to a different network or optimizer, or if `check` throws.
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
