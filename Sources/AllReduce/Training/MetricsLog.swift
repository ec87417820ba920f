internal import AllReduceMPI
internal import AllReduceNN
internal import Foundation

/// Writes a line of json for each step and evaluation, on the root.
final class MetricsLog {
  private let file: FileHandle?
  private var lines = ""

  /// Opens the file.
  ///
  /// - Parameters:
  ///   - path: The file; nil for none.
  ///   - isRoot: Whether this rank writes.
  ///   - kept: The lines of steps up to this one stay, where a run goes on.
  /// - Throws: ``TrainingError`` if it cannot be written.
  init(path: String?, isRoot: Bool, keepingSteps kept: Int = 0) throws {
    guard let path, isRoot else {
      file = nil
      return
    }
    lines = MetricsLog.lines(of: path, upTo: kept)
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let opened = FileHandle(forWritingAtPath: path)
    else {
      throw TrainingError.settings("The log \(path) cannot be written: check its folder.")
    }
    file = opened
  }

  private static func lines(of path: String, upTo step: Int) -> String {
    guard step > 0, let text = try? String(contentsOfFile: path, encoding: .utf8) else { return "" }
    let begin = "{\"step\": "
    return text.split(separator: "\n").filter { line in
      // A run that was killed may have left half a line.
      line.hasPrefix(begin) && line.hasSuffix("}")
        && Int(line.dropFirst(begin.count).prefix { $0 != "," }).map { $0 <= step } ?? false
    }.map { $0 + "\n" }.joined()
  }

  /// Writes the line of a step, or of an evaluation after it; costs nothing without a file.
  func add(
    step: Int, epoch: Int, seconds: Double, loss: Double?, testAccuracy: Double? = nil
  ) {
    guard file != nil else { return }
    lines +=
      JSONValue.object([
        ("step", .integer(step)), ("epoch", .integer(epoch)), ("seconds", .number(seconds)),
        ("loss", .number(orNull: loss)), ("test_accuracy", .number(orNull: testAccuracy)),
      ]).encodedOnOneLine() + "\n"
    // A reader wants to see the present, but not at the price of a system call a step.
    if lines.utf8.count > 4096 || testAccuracy != nil { flush() }
  }

  /// Writes what has gathered.
  func flush() {
    guard let file, !lines.isEmpty else { return }
    try? file.write(contentsOf: Data(lines.utf8))
    lines = ""
  }
}
