internal import AllReduce
internal import ArgumentParser
import Foundation

/// Compares what the ranks of a job have, and trains nothing.
///
/// A row is agreed on if all ranks have the same in it. Processors, and the variant of the loops that follows
/// from them, may differ without harm to the result, but the slowest then sets the pace: that is said too.
enum JobCheck {
  /// The clocks of hosts may differ by this much.
  static let clockLimit = 1.0

  /// Compares, prints a table, and throws with exit code 1 where a rank or a link differs. Collective.
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

  /// A description of the data, or what is wrong with them.
  private static func data(of program: any TrainingProgram, in world: Communicator) -> String {
    do { return try program.describeData(in: world) } catch { return "\(error)" }
  }

  /// Every rank's text, on all ranks.
  private static func allTexts(_ text: String, over world: Communicator) throws -> [String] {
    let bytes = Array(text.utf8)
    let counts = try world.allGather([Int64(bytes.count)]).map { Int($0) }
    let widest = (counts.max() ?? 0) / 8 + 1
    // Whole words: what ranks exchange are numbers.
    var words = [Int64](repeating: 0, count: widest)
    words.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
    let all = try world.allGather(words)
    return counts.enumerated().map { rank, count in
      all[rank * widest..<(rank + 1) * widest].withUnsafeBytes {
        String(decoding: $0.prefix(count), as: UTF8.self)
      }
    }
  }

  /// How far each rank's clock is from rank 0's.
  private static func clockRow(over world: Communicator) throws -> CheckRow {
    // Ranks leave a barrier at about the same time; more is not needed to find a wrong clock.
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

/// Ranks or links differ.
struct CheckFailed: ExitCoded, CustomStringConvertible {
  let description: String
  var exitCode: Int32 { 1 }
}
