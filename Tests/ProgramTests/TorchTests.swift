import Foundation
import TestSupport
import XCTest

/// Weights that PyTorch wrote come in, train a step and go back: where `ALLREDUCE_PEERS` has PyTorch, as
/// `Benchmarks/peers-setup gloo` installs it, and safetensors.
final class TorchTests: KeptRunTestCase {
  private func torch(_ command: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: PeersPython.path)
    process.arguments = [
      URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("torch_weights.py").path, command, folder,
    ]
    try process.run()
    process.waitUntilExit()
    XCTAssertEqual(process.terminationStatus, 0, command)
  }

  private func run(_ program: String, _ arguments: [String], ranks: Int? = nil) throws {
    let outcome = try ProgramRunner(timeLimit: 120).run(program, arguments, ranks: ranks)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
  }

  func testWeightsOfPyTorchGoInTrainAndGoOut() throws {
    guard FileManager.default.isExecutableFile(atPath: PeersPython.path) else {
      throw XCTSkip("PyTorch is not installed: Benchmarks/peers-setup gloo")
    }
    try torch("make")
    for name in ["mlp", "cnn", "alexnet"] {
      let file = "\(folder)/\(name)"
      let words = try String(contentsOfFile: "\(file).words", encoding: .utf8)
      try run(
        "predict",
        [
          "--layers", words, "--weights", "\(file).safetensors", "--data", "\(file).npy",
          "--probabilities", "--output", "\(file).own.npy",
        ], ranks: name == "cnn" ? 2 : nil)
      XCTAssertLessThan(
        try difference("\(file).own.npy", "\(file).out.npy"), 1e-5, "outputs of \(name)")
      try run(
        "train-classifier",
        [
          "--layers", words, "--weights", "\(file).safetensors", "--data", "\(file).npy",
          "--target",
          "\(file).target.npy", "--global-batch-size", "3", "--epochs", "1", "--steps", "1",
          "--learning-rate", "0.001", "--checkpoint", "\(file).state",
        ], ranks: 2)
      try run(
        "export-weights", ["--state", "\(file).state", "--output", "\(file).back.safetensors"])
      // The exported weights, on the inputs as they are.
      try run(
        "predict",
        [
          "--layers", words, "--weights", "\(file).back.safetensors", "--data", "\(file).npy",
          "--probabilities", "--output", "\(file).back.npy",
        ])
      XCTAssertGreaterThan(
        try difference("\(file).back.npy", "\(file).own.npy"), 1e-6, "\(name) has learned nothing")
    }
    try torch("check")
  }

  /// The largest relative difference of two files' numbers.
  private func difference(_ a: String, _ b: String) throws -> Double {
    func numbers(_ path: String) throws -> [Float] {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let start = 10 + Int(data[8]) + Int(data[9]) << 8
      return data[start...].withUnsafeBytes { bytes in
        (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      }
    }
    let (a, b) = (try numbers(a), try numbers(b))
    XCTAssertEqual(a.count, b.count)
    return zip(a, b).reduce(0) { max($0, Double(abs($1.0 - $1.1) / max(abs($1.1), 1e-3))) }
  }
}
