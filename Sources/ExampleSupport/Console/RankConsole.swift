public import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where a program writes: results to standard output, everything else to standard error, from the root only.
///
/// Every rank may call its methods; only the root's text appears. Each call writes its text immediately and in one
/// piece, so that nothing is lost when the job ends and mpirun inserts no text of its own.
public struct RankConsole: Sendable {
  /// Whether this rank is the root, whose text appears.
  public let isRoot: Bool

  /// Creates a rank's console; only that of the root prints.
  public init(isRoot: Bool) {
    self.isRoot = isRoot
  }

  /// Prints one or more lines of the result to standard output.
  ///
  /// - Throws: ``OutputError`` if not all of it could be written.
  public func print(_ text: String) throws(OutputError) {
    guard isRoot else { return }
    clearLine()
    let code = write(text, to: STDOUT_FILENO)
    if code != 0 { throw OutputError(file: "standard output", code: code) }
  }

  /// Prints one or more lines to standard error: progress, a warning, an explanation.
  public func note(_ text: String) {
    // The reader of standard error may have closed it; that is no reason to fail.
    guard isRoot else { return }
    clearLine()
    _ = write(text, to: STDERR_FILENO)
  }

  private func clearLine() {
    guard RankConsole.hasLineInPlace else { return }
    RankConsole.hasLineInPlace = false
    _ = write("\r\(RankConsole.rest)", to: STDERR_FILENO, endsLine: false)
  }

  /// Writes a line to the terminal that the next line replaces, whether that is written in place or not.
  func noteInPlace(_ text: String) {
    guard isRoot else { return }
    RankConsole.hasLineInPlace = true
    _ = write("\r\(text)\(RankConsole.rest)", to: STDERR_FILENO, endsLine: false)
  }

  /// Whether the terminal's last line is to be overwritten. Only one thread writes.
  nonisolated(unsafe) private static var hasLineInPlace = false
  /// The escape sequence that clears the line from the cursor to its end.
  private static let rest = "\u{1B}[K"

  /// Writes all of a text to a file descriptor. Returns 0, or the system's error number if not all was written.
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
