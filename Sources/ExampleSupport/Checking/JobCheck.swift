internal import AllReduce
internal import ArgumentParser
import Foundation

/// The check of `--check`: compares the ranks of a job with each other, and trains nothing.
///
/// Ranks agree on a property if all have the same value of it. Different processors, and thus different variants of the
/// kernels, do not change the result, but the slowest processor sets the pace: so they are reported as a difference
/// too.
enum JobCheck {
  /// The number of seconds by which the clocks of hosts may differ.
  static let clockLimit = 1.0

  /// Compares the ranks, prints a table, and throws an error with exit code 1 if ranks differ or a link is slow.
  /// Collective.
  static func run(
    _ program: any TrainingProgram, in world: Communicator, _ console: RankConsole
  ) throws {
    let facts = RankFacts(
      data: data(of: program, in: world), commandLine: ProgramMain.commandLine)
    var rows = try facts.rows.map { name, value in
      CheckRow(name, try allTexts(value, over: world))
    }
    rows.append(try clockRow(over: world))
    let links = try LinkTimes.measure(over: world)
    let report = CheckReport(rows: rows, links: links, hosts: world.hosts)
    try console.print(report.text)
    if let words = report.difference {
      try world.agreeing { throw CheckFailed(description: words) }
    }
  }

  /// Returns a description of this rank's data, or of what is wrong with them.
  private static func data(of program: any TrainingProgram, in world: Communicator) -> String {
    do { return try program.describeData(in: world) } catch { return "\(error)" }
  }

  /// Gathers every rank's text on all ranks. Collective.
  private static func allTexts(_ text: String, over world: Communicator) throws -> [String] {
    let bytes = Array(text.utf8)
    let counts = try world.allGather([Int64(bytes.count)]).map { Int($0) }
    let widest = (counts.max() ?? 0) / 8 + 1
    // Texts are padded to whole 64-bit words, because ranks exchange only numbers.
    var words = [Int64](repeating: 0, count: widest)
    words.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
    let all = try world.allGather(words)
    return counts.enumerated().map { rank, count in
      all[rank * widest..<(rank + 1) * widest].withUnsafeBytes {
        String(decoding: $0.prefix(count), as: UTF8.self)
      }
    }
  }

  /// Compares each rank's clock with rank 0's. Collective.
  private static func clockRow(over world: Communicator) throws -> CheckRow {
    // Ranks leave a barrier at about the same time, which is exact enough to find a wrong clock.
    try world.barrier()
    let times = try world.allGather([Date().timeIntervalSince1970])
    let offsets = times.map { $0 - times[0] }
    let most = offsets.map { abs($0) }.max() ?? 0
    let texts = offsets.map { offset in
      abs(offset) <= clockLimit
        ? "within \(Int(clockLimit)) s of rank 0's"
        : "\(offset.formatted(decimals: 1)) s from rank 0's"
    }
    return CheckRow("clock", most <= clockLimit ? texts.map { _ in texts[0] } : texts)
  }
}

/// The error that ends a check in which ranks differ or a link is slow.
struct CheckFailed: ExitCoded, CustomStringConvertible {
  let description: String
  var exitCode: Int32 { 1 }
}
