import Foundation
import Synchronization

/// The lines that ranks write for the script that started them: fields with tabs between.
enum Report {
  /// Where they go: the file that `AGREEMENT_REPORT` names, else standard output.
  private static let descriptor: Int32 = {
    guard let path = ProcessInfo.processInfo.environment["AGREEMENT_REPORT"] else { return 1 }
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    return file < 0 ? 1 : file
  }()

  /// Writes a line in one call, so that the lines of ranks do not mix.
  static func line(_ fields: String...) {
    let words = fields.map { field in
      String(field.map { $0.isNewline || $0 == "\t" ? " " : $0 }.prefix(1200))
    }
    var text = words.joined(separator: "\t") + "\n"
    text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Says what became of a cell on this rank.
  ///
  /// - Parameters:
  ///   - cell: The cell's name.
  ///   - rank: This rank in the world.
  ///   - mark: How it ended: `e` an error, `n` this rank had finished its part and was told in its
  ///     next call, `r` the right result.
  ///   - faults: What was wrong; empty where all was as it should be.
  ///   - seconds: How long the cell's calls took.
  ///   - text: The error that was thrown.
  static func verdict(
    _ cell: String, rank: Int, mark: String, faults: [String], seconds: Double, text: String = ""
  ) {
    line(
      "cell", cell, "\(rank)", mark, faults.isEmpty ? "pass" : faults.joined(separator: "; "),
      String(format: "%.4f", seconds), text)
  }
}

/// What a worker found to be wrong.
struct Fault: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Ends a process in which a cell takes too long, whatever the library is doing.
final class CellWatch: Sendable {
  private let began = Atomic<UInt64>(CellWatch.now)
  private let index = Atomic<Int>(-1)

  private static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

  /// Starts a thread that looks at the cell under way.
  ///
  /// - Parameters:
  ///   - names: The names of all cells.
  ///   - rank: This rank in the world.
  ///   - limit: Seconds that a cell, or a call of a random program, may take.
  init(names: [String], rank: Int, limit: Double) {
    Thread.detachNewThread { [self] in
      while true {
        usleep(100_000)
        let cell = index.load(ordering: .acquiring)
        let seconds = Double(CellWatch.now - began.load(ordering: .relaxed)) / 1e9
        if cell < 0 || seconds < limit { continue }
        Report.verdict(
          names[cell], rank: rank, mark: "-", faults: ["outlived its limit of \(limit) s"],
          seconds: seconds)
        _exit(99)
      }
    }
  }

  /// Counts the time anew.
  func begin(_ cell: Int) {
    touch()
    index.store(cell, ordering: .releasing)
  }

  /// Counts the time of the same cell anew.
  func touch() { began.store(CellWatch.now, ordering: .relaxed) }
}

/// `ALLREDUCE_DEADLINE` in seconds.
var deadline: Double {
  ProcessInfo.processInfo.environment["ALLREDUCE_DEADLINE"].flatMap { Double($0) } ?? 300
}

/// Runs `body` and returns the seconds that it took.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let start = clock.now
  try body()
  return (clock.now - start) / .seconds(1)
}
