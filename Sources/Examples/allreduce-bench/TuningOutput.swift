import AllReduce
import ExampleSupport
import Foundation

/// The file of measured choices that `--tune` writes.
struct TuningOutput {
  private let file: String
  private let output: OutputFile
  private let others: [TuningTable]

  /// Reads the tables that the file already contains. Throws if it is another kind of file, before time is spent on
  /// measuring.
  init(file: String) throws {
    self.file = file
    do {
      others = try TuningText.text(of: file).map { try TuningFile.tables(in: $0, file: file) } ?? []
      let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      output = try OutputFile(path: file)
    } catch let error as DataError {
      throw BenchError.output(error)
    } catch let error as TuningError {
      throw error
    } catch let error as TuningText.Unreadable {
      throw BenchError.tuning(file: file, reason: error.reason)
    } catch {
      throw BenchError.tuning(file: file, reason: error.localizedDescription)
    }
  }

  /// Writes the table together with the file's tables for other placements of ranks. A reader always sees a complete
  /// file.
  func write(_ table: TuningTable) throws {
    let tables = others.filter { !$0.isFor(ranksPerHost: table.ranksPerHost) } + [table]
    try output.write(TuningFile.text(tables))
    try output.finish()
  }

  /// Returns the choices as text for people.
  func text(_ table: TuningTable) -> String {
    var rows = TextTable(
      titles: ["vectors in", "up to", "algorithm", "segments"],
      alignments: [.left, .right, .left, .right])
    for path in AutomaticChoice.Path.allCases {
      for step in table.steps[path] ?? [] {
        rows.add([
          path.rawValue, step.upToBytes.map { ByteCount($0).text } ?? "any size",
          step.algorithm.name, step.algorithm.segmentBytes.map { ByteCount($0).text } ?? "",
        ])
      }
    }
    return """
      \(rows.text)
      Written to \(file). Programs find it there if ALLREDUCE_TUNING names it, or at \
      \(TuningText.defaultPlace ?? "~/.config/allreduce/tuning.json").
      """
  }
}
