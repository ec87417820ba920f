@testable import AllReduce
@testable import AllReduceNN
import Foundation

/// The readers of files, a target of libFuzzer each: ALLREDUCE_FUZZ names which. `scripts/fuzz` builds and runs them.
///
/// A reader may refuse a file by an error. It may not crash, read beyond its memory, or end the process.
enum FuzzedFormat: String, CaseIterable {
  case csv, npy, idx, safetensors, state, training, plan, tuning

  static let current =
    ProcessInfo.processInfo.environment["ALLREDUCE_FUZZ"]
    .flatMap(FuzzedFormat.init) ?? .csv

  /// A nameless file in memory: what is read is a file, as it is for a user. Gzip is unpacked where a reader does so.
  private static let file = memfd_create("fuzzed", 0)

  private func withFile(_ bytes: UnsafeRawBufferPointer, _ body: (String) throws -> Void) throws {
    ftruncate(FuzzedFormat.file, 0)
    pwrite(FuzzedFormat.file, bytes.baseAddress, bytes.count, 0)
    try body("/proc/self/fd/\(FuzzedFormat.file)")
  }

  func read(_ bytes: UnsafeRawBufferPointer) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    switch self {
    case .csv: try withFile(bytes) { _ = try NumericTable(csv: $0) }
    case .npy: try withFile(bytes) { _ = try NPYArray<Double>(npy: $0) }
    case .idx: try withFile(bytes) { _ = try IDXFile(path: $0, dimensions: 3) }
    case .safetensors:
      try withFile(bytes) {
        let file = try SafetensorsFile(path: $0)
        for entry in file.entries { file.withBytes(of: entry) { _ = WeightChecksum.of($0) } }
      }
    case .state: try withFile(bytes) { _ = try CheckpointFile(path: $0) }
    case .training: _ = try TrainingState(encoded: text)
    case .plan: _ = try Plan(json: text, file: "fuzzed")
    case .tuning: _ = try TuningFile.tables(in: text, file: "fuzzed")
    }
  }
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  autoreleasing {
    try? FuzzedFormat.current.read(UnsafeRawBufferPointer(start: data, count: count))
  }
  return 0
}

/// Keeps what an input has made from living on to the next.
@inline(never)
private func autoreleasing(_ body: () -> Void) { body() }
