internal import AllReduceMPI
internal import AllReduceNN

/// Writes a line of JSON for each step and evaluation, on the root, and the same numbers for TensorBoard.
final class MetricsLog {
  private let file: OutputFile?
  private let events: EventFile?
  private var lines = ""

  /// Begins the file.
  ///
  /// - Parameters:
  ///   - path: The file; nil for none.
  ///   - tensorBoard: The folder of TensorBoard's events; nil for none.
  ///   - isRoot: Whether this rank writes.
  ///   - kept: The lines of steps up to this one stay, where a run is resumed.
  /// - Throws: ``TrainingError`` or ``OutputError`` if it cannot be written.
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
    // Readers follow what is written from here on.
    try opened.publish()
    file = opened
  }

  private static func lines(of path: String, upTo step: Int) -> String {
    guard step > 0, let text = try? FileBytes.text(of: path) else { return "" }
    let begin = "{\"step\": "
    return text.split(separator: "\n").filter { line in
      // A run that was killed may have left half a line.
      line.hasPrefix(begin) && line.hasSuffix("}")
        && Int(line.dropFirst(begin.count).prefix { $0 != "," }).map { $0 <= step } ?? false
    }.map { $0 + "\n" }.joined()
  }

  /// Writes the line of a step, or of an evaluation after it; costs nothing without a file.
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
    // A reader wants to see the present, but not at the price of a system call a step.
    if lines.utf8.count > 4096 || test != nil { try flush() }
  }

  /// Writes what has gathered.
  ///
  /// - Throws: ``OutputError``.
  func flush() throws {
    guard let file, !lines.isEmpty else { return }
    try file.write(lines)
    lines = ""
  }

  /// Writes what has gathered, and brings it to the disk.
  ///
  /// - Throws: ``OutputError``.
  func finish() throws {
    try flush()
    try file?.finish()
    try events?.finish()
  }
}
