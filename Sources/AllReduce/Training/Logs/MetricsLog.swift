internal import AllReduceMPI
internal import AllReduceNN

/// Writes a line of JSON for each step and each evaluation to a log, and the same numbers to a TensorBoard file. Only
/// the root writes.
///
/// A file that cannot be written any longer, as on a full disk, is a warning; so is one that a resumed run cannot
/// continue.
final class MetricsLog {
  private let file: GrowingFile?
  private let events: EventFile?
  /// The seconds that the lines of earlier attempts count to.
  private let secondsBefore: Double

  /// Opens the log and the TensorBoard file, on the root.
  ///
  /// - Parameters:
  ///   - path: The path of the log; nil for no log.
  ///   - tensorBoard: The folder for TensorBoard's event file; nil for none.
  ///   - isRoot: Whether this rank writes.
  ///   - kept: The step after which the run resumes: the existing log's lines up to this step are kept. 0 for a new
  ///     log.
  ///   - note: Called with warnings for the user.
  /// - Throws: ``TrainingError`` or ``OutputError`` if a new run cannot write a file.
  init(
    path: String?, tensorBoard: String? = nil, isRoot: Bool, keepingSteps kept: Int = 0,
    note: @escaping (String) -> Void
  ) throws {
    func opened<File>(_ make: () throws -> File) throws -> File? {
      do {
        return try make()
      } catch  where kept > 0 {
        let words = "\(error)"
        note("warning: \(words)\(words.hasSuffix(".") ? "" : ".") The run continues without it.")
        return nil
      }
    }
    events = try (isRoot ? tensorBoard : nil).flatMap { folder in
      try opened { try EventFile(folder: folder, afterStep: kept, note: note) }
    }
    guard let path, isRoot else {
      (file, secondsBefore) = (nil, 0)
      return
    }
    let lines = MetricsLog.lines(of: path, upTo: kept)
    secondsBefore = lines.last.flatMap(MetricsLog.seconds) ?? 0
    file = try opened { try MetricsLog.rewritten(path, lines, note) }
  }

  /// Begins a log that replaces the file at `path`, with these lines.
  private static func rewritten(
    _ path: String, _ lines: [Substring], _ note: @escaping (String) -> Void
  ) throws -> GrowingFile {
    do {
      let file = try OutputFile(path: path)
      try file.write(lines.map { $0 + "\n" }.joined())
      // From here on, readers of the log see new lines as they are written.
      try file.publish()
      return GrowingFile(file, note: note)
    } catch let error as DataError {
      throw TrainingError.settings(
        "The log \(path) cannot be written: found \(error.found); \(error.advice).")
    }
  }

  private static func lines(of path: String, upTo step: Int) -> [Substring] {
    guard step > 0, let text = try? FileBytes.text(of: path) else { return [] }
    let begin = "{\"step\": "
    return text.split(separator: "\n").filter { line in
      // A run that was killed may have left an incomplete line.
      line.hasPrefix(begin) && line.hasSuffix("}")
        && Int(line.dropFirst(begin.count).prefix { $0 != "," }).map { $0 <= step } ?? false
    }
  }

  private static func seconds(of line: Substring) -> Double? {
    try? StateFields(String(line)).number("seconds")
  }

  /// Adds the line of a step, or of an evaluation after the step. Does nothing if no file is open.
  func add(step: Int, epoch: Int, seconds: Double, loss: Double?, test: BatchScore? = nil) {
    if let events {
      if let loss { events.add("loss/training", loss, step: step) }
      if let test {
        events.add("accuracy/test", test.accuracy, step: step)
        events.add("loss/test", test.meanLoss, step: step)
        events.flush()
      }
    }
    guard let file else { return }
    let line = JSONValue.object([
      ("step", .integer(step)), ("epoch", .integer(epoch)),
      ("seconds", .number(secondsBefore + seconds)),
      ("loss", .number(orNull: loss)), ("test_accuracy", .number(orNull: test?.accuracy)),
      ("test_loss", .number(orNull: test?.meanLoss)),
    ]).encodedOnOneLine()
    file.append((line + "\n").utf8)
    // Lines are buffered, since a system call per step would cost too much; evaluations are written at once.
    if file.pendingCount > 4096 || test != nil { file.flush() }
  }

  /// Writes the buffered lines to the log.
  func flush() { file?.flush() }

  /// Writes everything that is buffered, syncs the files to the disk and closes them.
  func finish() {
    file?.finish()
    events?.finish()
  }
}
