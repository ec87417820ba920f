import Foundation

/// Where a program writes: results on standard output, all else on standard error, from the root.
///
/// Every rank may call it; only the root's words appear. A call writes at once and in one piece, so
/// that nothing is lost when the job ends and nothing of mpirun comes between.
public struct RankConsole: Sendable {
  /// Whether this rank's words appear.
  public let isRoot: Bool

  /// Creates the console of a rank.
  public init(isRoot: Bool) {
    self.isRoot = isRoot
  }

  /// Writes a line, or several, of the result to standard output.
  public func print(_ text: String) {
    if isRoot { write(text, to: .standardOutput) }
  }

  /// Writes a line, or several, to standard error: progress, a warning, an explanation.
  public func note(_ text: String) {
    if isRoot { write(text, to: .standardError) }
  }

  private func write(_ text: String, to file: FileHandle) {
    // Who reads may have gone; that is no reason to fail.
    try? file.write(contentsOf: Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
  }
}
