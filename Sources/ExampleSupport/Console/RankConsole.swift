public import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where a program writes: results on standard output, all else on standard error, from the root.
///
/// Every rank may call it; only the root's text appears. A call writes at once and in one piece, so
/// that nothing is lost when the job ends and nothing of mpirun comes between.
public struct RankConsole: Sendable {
  /// Whether this rank's text appears.
  public let isRoot: Bool

  /// Creates the console of a rank.
  public init(isRoot: Bool) {
    self.isRoot = isRoot
  }

  /// Writes a line, or several, of the result to standard output.
  ///
  /// - Throws: ``OutputError`` if not all of it could be written.
  public func print(_ text: String) throws(OutputError) {
    guard isRoot else { return }
    clearLine()
    let code = write(text, to: STDOUT_FILENO)
    if code != 0 { throw OutputError(file: "standard output", code: code) }
  }

  /// Writes a line, or several, to standard error: progress, a warning, an explanation.
  public func note(_ text: String) {
    // Its reader may have gone; that is no reason to fail.
    guard isRoot else { return }
    clearLine()
    _ = write(text, to: STDERR_FILENO)
  }

  private func clearLine() {
    guard RankConsole.hasLineInPlace else { return }
    RankConsole.hasLineInPlace = false
    _ = write("\r\(RankConsole.rest)", to: STDERR_FILENO, endsLine: false)
  }

  /// Writes a line to a terminal that the next one, in place or not, takes the place of.
  func noteInPlace(_ text: String) {
    guard isRoot else { return }
    RankConsole.hasLineInPlace = true
    _ = write("\r\(text)\(RankConsole.rest)", to: STDERR_FILENO, endsLine: false)
  }

  /// Whether the last line of the terminal is to be written over. One thread writes.
  nonisolated(unsafe) private static var hasLineInPlace = false
  /// Clears the line from the cursor on.
  private static let rest = "\u{1B}[K"

  /// Returns the system's error number, or 0 if all was written.
  private func write(
    _ text: String, to descriptor: Int32, endsLine: Bool = true
  ) -> Int32 {
    var text = text.hasSuffix("\n") || !endsLine ? text : text + "\n"
    return text.withUTF8 { bytes in
      var place = 0
      while place < bytes.count {
        let written = system(descriptor, bytes.baseAddress! + place, bytes.count - place)
        if written > 0 { place += written } else if errno != EINTR { return errno }
      }
      return 0
    }
  }

  private func system(_ descriptor: Int32, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, count)
    #else
      Darwin.write(descriptor, bytes, count)
    #endif
  }
}
