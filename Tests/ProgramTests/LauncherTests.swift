import Foundation
import TestSupport
import XCTest

/// How programs find their place in a job, whichever launcher starts them, and what they say of the wrong one.
final class LauncherTests: ProgramTestCase {
  private static let withoutOpenMPIsVariables = [
    "env", "-u", "OMPI_COMM_WORLD_SIZE", "-u", "OMPI_COMM_WORLD_RANK", "-u",
    "OMPI_COMM_WORLD_LOCAL_SIZE", "-u", "OMPI_COMM_WORLD_LOCAL_RANK",
  ]

  func testHelpIsPrintedOnceUnderPMIxAlone() throws {
    let outcome = try ProgramRunner().run(
      "train-linreg", ["--help"], ranks: 3, wrapper: LauncherTests.withoutOpenMPIsVariables)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertEqual(outcome.output.components(separatedBy: "USAGE:").count, 2, outcome.output)
  }

  func testTheJobsSizeIsAskedOfMPI() throws {
    let outcome = try ProgramRunner().run(
      "train-linreg", ["--epochs", "5", "--no-verify"], ranks: 3,
      wrapper: LauncherTests.withoutOpenMPIsVariables)
    XCTAssertEqual(outcome.exitCode, 0, outcome.errors)
    XCTAssertFalse(outcome.errors.contains("runs on 1 rank"), outcome.errors)
    XCTAssertTrue(outcome.output.contains("134, 133, 133"), outcome.output)
  }

  private func assertRefused(
    _ environment: [String: String], saying parts: [String], line: UInt = #line
  ) throws {
    let outcome = try ProgramRunner().run("train-linreg", environment: environment)
    XCTAssertEqual(outcome.exitCode, 64, outcome.errors, line: line)
    XCTAssertEqual(outcome.output, "", line: line)
    let ours = outcome.errorLines(beginningWith: "error: ")
    XCTAssertEqual(ours.count, 1, outcome.errors, line: line)
    for part in parts {
      XCTAssertTrue(ours.first?.contains(part) == true, "\(part) in \(ours)", line: line)
    }
  }

  func testTheMpiexecOfAnotherMPIIsRefused() throws {
    try assertRefused(
      ["PMI_RANK": "0", "PMI_SIZE": "2"],
      saying: ["rank 0 of 2", "finds 1 rank", "mpirun of Open MPI", "openmpi-bin"])
  }

  func testSrunWithoutPMIxIsRefused() throws {
    try assertRefused(
      ["SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"],
      saying: ["rank 0 of 2", "srun --mpi=pmix"])
  }

  /// MPICH's own, where it is installed.
  func testMPICHsMpiexecIsRefused() throws {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    let places = folders.flatMap { ["\($0)/mpiexec.mpich", "\($0)/mpiexec.hydra"] }
    guard let mpiexec = places.first(where: FileManager.default.isExecutableFile) else {
      throw XCTSkip("MPICH's mpiexec is not installed (Debian: mpich)")
    }
    let program = ProgramRunner.directory.appendingPathComponent("train-linreg").path
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: mpiexec)
    process.arguments = ["-n", "2", program]
    process.standardError = pipe
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let words = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    XCTAssertNotEqual(process.terminationStatus, 0, words)
    XCTAssertTrue(words.contains("error: ") && words.contains("mpirun of Open MPI"), words)
    XCTAssertEqual(words.components(separatedBy: "error: MPI_Init").count, 2, words)
  }

  func testTheHeaderOfAnotherMPIIsRefusedWithTheCure() throws {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources/CMPI/shim.h").standardizedFileURL.path
    try XCTSkipUnless(FileManager.default.fileExists(atPath: source), "\(source) is not there")
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("allreduce-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // What tells MPICH's header from Open MPI's: handles are numbers.
    try "#define MPICH_VERSION \"4.0.2\"\ntypedef int MPI_Comm;\n".write(
      to: folder.appendingPathComponent("mpi.h"), atomically: true, encoding: .utf8)
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["clang", "-fsyntax-only", "-x", "c", "-I", folder.path, source]
    process.standardError = pipe
    try process.run()
    let words = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    if process.terminationStatus == 127 { throw XCTSkip("there is no clang here") }
    XCTAssertNotEqual(process.terminationStatus, 0)
    XCTAssertTrue(words.contains("AllReduce needs Open MPI"), words)
    XCTAssertTrue(words.contains("libopenmpi-dev"), words)
  }
}
