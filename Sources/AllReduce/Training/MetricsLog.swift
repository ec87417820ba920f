internal import AllReduceMPI
internal import AllReduceNN

/// Writes a line of JSON for each step and each evaluation to a log, and the same numbers to a TensorBoard file. Only
/// the root writes.
final class MetricsLog {
  private let file: OutputFile?
  private let events: EventFile?
  private var lines = ""

  /// Opens the log and the TensorBoard file, on the root.
  ///
  /// - Parameters:
  ///   - path: The path of the log; nil for no log.
  ///   - tensorBoard: The folder for TensorBoard's event file; nil for none.
  ///   - isRoot: Whether this rank writes.
  ///   - kept: The step after which the run resumes: the existing log's lines up to this step are kept. 0 for a new
  ///     log.
  /// - Throws: ``TrainingError`` or ``OutputError`` if a file cannot be written.
  init(path: String?, tensorBoard: String? = nil, isRoot: Bool, keepingSteps kept: Int = 0) throws {
    events = isRoot ? try tensorBoard.map { try EventFile(folder: $0, afterStep: kept) } : nil
    guard let path, isRoot else {
      file = nil
      return
    }
    let kept = MetricsLog.lines(of: path, upTo: kept)
    let opened: OutputFile
    do {
      opened = try OutputFile(path: path)
    } catch {
      throw TrainingError.settings(
        "The log \(path) cannot be written: found \(error.found); \(error.advice).")
    }
    try opened.write(kept)
    // From here on, readers of the log see new lines as they are written.
    try opened.publish()
    file = opened
  }

  private static func lines(of path: String, upTo step: Int) -> String {
    guard step > 0, let text = try? FileBytes.text(of: path) else { return "" }
    let begin = "{\"step\": "
    return text.split(separator: "\n").filter { line in
      // A run that was killed may have left an incomplete line.
      line.hasPrefix(begin) && line.hasSuffix("}")
        && Int(line.dropFirst(begin.count).prefix { $0 != "," }).map { $0 <= step } ?? false
    }.map { $0 + "\n" }.joined()
  }

  /// Adds the line of a step, or of an evaluation after the step. Does nothing if no file is open.
  ///
  /// - Throws: ``OutputError``.
  func add(
    step: Int, epoch: Int, seconds: Double, loss: Double?, test: BatchScore? = nil
  ) throws {
    if let events {
      if let loss { try events.add("loss/training", loss, step: step) }
      if let test {
        try events.add("accuracy/test", test.accuracy, step: step)
        try events.add("loss/test", test.meanLoss, step: step)
        try events.flush()
      }
    }
    guard file != nil else { return }
    lines +=
      JSONValue.object([
        ("step", .integer(step)), ("epoch", .integer(epoch)), ("seconds", .number(seconds)),
        ("loss", .number(orNull: loss)), ("test_accuracy", .number(orNull: test?.accuracy)),
        ("test_loss", .number(orNull: test?.meanLoss)),
      ]).encodedOnOneLine() + "\n"
    // Lines are buffered, since a system call per step would cost too much; evaluations are written at once.
    if lines.utf8.count > 4096 || test != nil { try flush() }
  }

  /// Writes the buffered lines to the log.
  ///
  /// - Throws: ``OutputError``.
  func flush() throws {
    guard let file, !lines.isEmpty else { return }
    try file.write(lines)
    lines = ""
  }

  /// Writes everything that is buffered, syncs the files to the disk and closes them.
  ///
  /// - Throws: ``OutputError``.
  func finish() throws {
    try flush()
    try file?.finish()
    try events?.finish()
  }
}
