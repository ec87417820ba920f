import ExampleSupport
import Foundation

/// Writes a line of json for each step and evaluation, on the root.
final class MetricsLog {
  private let file: FileHandle?
  private var lines = ""

  /// Opens the file.
  ///
  /// - Throws: ``ClassifierError`` if it cannot be written.
  init(path: String?, isRoot: Bool) throws {
    guard let path, isRoot else {
      file = nil
      return
    }
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let opened = FileHandle(forWritingAtPath: path)
    else {
      throw ClassifierError.usage("--log \(path) cannot be written: check its folder.")
    }
    file = opened
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
    // Whoever looks on wants to see the present, but not at the price of a call a step.
    if lines.utf8.count > 4096 || testAccuracy != nil { flush() }
  }

  /// Writes what has gathered.
  func flush() {
    guard let file, !lines.isEmpty else { return }
    try? file.write(contentsOf: Data(lines.utf8))
    lines = ""
  }
}
