internal import AllReduceNN

/// A checkpoint file that was opened: its tensors, and the training state from its metadata.
package struct CheckpointFile {
  let tensors: SafetensorsFile
  let state: TrainingState
  /// Whether the file has checksums, so that damage would have been detected.
  let isChecked: Bool

  /// The `format` in a checkpoint's metadata, and the `version` of its contents that is written.
  static let (format, version) = ("allreduce.checkpoint", "2")

  /// Opens a file, and checks that it is a checkpoint and undamaged.
  ///
  /// - Throws: ``StateRefusal`` if the file is not an undamaged checkpoint, or cannot be read.
  package init(path: String) throws(StateRefusal) {
    let tensors: SafetensorsFile
    do throws(DataError) {
      tensors = try SafetensorsFile(path: path)
      // Checked before anything in the file is trusted.
      isChecked = try tensors.checkSums()
    } catch {
      throw StateRefusal(error: error, isDamage: true)
    }
    self.tensors = tensors
    state = try CheckpointFile.state(of: tensors, isChecked: isChecked)
  }

  private static func state(
    of file: SafetensorsFile, isChecked: Bool
  ) throws(StateRefusal) -> TrainingState {
    func refusal(_ expected: String, _ found: String, isDamage: Bool = false) -> StateRefusal {
      StateRefusal(
        error: DataError(
          file: file.path, expected: expected, found: found,
          advice: "name a folder with a checkpoint that train-classifier or this library wrote"),
        isDamage: isDamage)
    }
    guard file.metadata["format"] == format else {
      throw refusal(
        "the format \"\(format)\" in the metadata",
        file.metadata["format"].map { "\"\($0)\"" } ?? "none")
    }
    do throws(DataError) {
      try WeightLayout.require(in: file)
    } catch {
      throw StateRefusal(error: error, isDamage: false)
    }
    let found = file.metadata["version"]
    // Version 1 has no checksums; a file of version 2 without checksums has lost them.
    guard found == version && isChecked || found == "1" else {
      throw refusal(
        "version 1 or \(version) of the state",
        (found ?? "none") + (found == version ? " without a checksum of the header" : ""),
        isDamage: found == version)
    }
    guard let text = file.metadata["training"] else {
      throw refusal("the training's state in the metadata", "none", isDamage: true)
    }
    do throws(StateFields.Mistake) {
      return try TrainingState(encoded: text)
    } catch {
      throw refusal(error.expected + " of the training's state", error.found, isDamage: true)
    }
  }
}
