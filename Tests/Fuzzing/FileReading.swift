import AllReduce
import AllReduceNN
import Foundation

/// The readers of files, each as one call with the bytes of a file: what `scripts/fuzz` runs on damaged files, and a
/// test on those that once did harm.
///
/// A reader may refuse a file by an error. It may not crash, read beyond its memory, or end the process.
package enum FileReading: String, CaseIterable, Sendable {
  case csv, gzip, idx, npy, npz, safetensors, state, training, plan, profile, tuning

  /// A file in memory without a name: readers map it, as they map a user's file.
  private static let file: Int32 = {
    var name = Array("/dev/shm/read-XXXXXX".utf8CString)
    let file = mkstemp(&name)
    precondition(file >= 0, "no file can be made in /dev/shm")
    unlink(name)
    return file
  }()
  private static let path = "/proc/self/fd/\(file)"

  /// Reads a file as all that read such files do.
  ///
  /// - Parameter bytes: The file's.
  /// - Returns: What each reader said that refused it.
  /// - Precondition: No other thread calls this.
  @discardableResult
  package func read(_ bytes: UnsafeRawBufferPointer) -> [any Error] {
    var refusals: [any Error] = []
    func attempt(_ body: (String) throws -> Void) {
      do { try body(FileReading.path) } catch { refusals.append(error) }
    }
    ftruncate(FileReading.file, 0)
    pwrite(FileReading.file, bytes.baseAddress, bytes.count, 0)
    switch self {
    case .csv: readTable(attempt)
    case .gzip: attempt { _ = try FileBytes(path: $0) }
    case .idx: for count in [1, 3] { attempt { _ = try IDXFile(path: $0, dimensions: count) } }
    case .npy:
      attempt { _ = try NPYArray<Double>(npy: $0) }
      attempt { _ = try ExampleTable<Float>(npy: $0, ColumnChoice(target: nil, .numbers)) }
      attempt { _ = try ExampleTable<Float>(npy: $0, ColumnChoice(target: $0)) }
      attempt { _ = try MappedArray(npy: $0) }
    case .npz:
      for target in [nil, "y"] {
        attempt { _ = try ExampleTable<Float>(npz: $0, ColumnChoice(target: target)) }
      }
    case .safetensors:
      attempt { path in
        let file = try SafetensorsFile(path: path)
        for entry in file.entries { file.withBytes(of: entry) { _ = Checksum.of($0) } }
      }
      attempt { path in
        _ = try WeightFile<Float>(path, for: Sequential(Dense(2, 2)), input: [2])
      }
    case .state: attempt { _ = try CheckpointFile(path: $0) }
    case .training:
      attempt { path in
        let state = try TrainingState(encoded: FileBytes.text(of: path))
        _ = state.examples?.shape.map { Shape($0) }
        _ = state.schedule.rate(afterSteps: state.steps)
        _ = state.sampler.stepsPerEpoch
      }
    case .plan:
      attempt { try Plan(json: FileBytes.text(of: $0), file: "plan").grid?.check(ranks: 4) }
    case .profile:
      attempt { path in
        let profile = try MachineProfile(json: FileBytes.text(of: path), file: "profile")
        for layer in profile.compute.layers { _ = Shape(layer.input) }
        _ = profile.ranks
      }
    case .tuning: attempt { _ = try TuningFile.tables(in: FileBytes.text(of: $0), file: "tuning") }
    }
    return refusals
  }

  private func readTable(_ attempt: ((String) throws -> Void) -> Void) {
    attempt { _ = try NumericTable(csv: $0) }
    for part in 0..<3 { attempt { _ = try NumericTable(csv: $0, part: part, of: 3) } }
    for kind in [ColumnChoice.Kind.classes, .numbers] {
      attempt { _ = try ExampleTable<Float>(csv: $0, ColumnChoice(target: "1", kind)) }
    }
  }
}
