#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Output that could not be written when there was something to write: a full disk, a pipe that was closed.
public struct OutputError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file, or "standard output".
  package let file: String
  /// The system's reason.
  package let reason: String

  /// Names the file and the system's error number.
  package init(file: String, code: Int32) {
    (self.file, reason) = (file, String(cString: strerror(code)))
  }

  /// The output, the reason, and advice.
  public var description: String {
    "\(file): not all of the output could be written, \"\(reason)\"; make room, or write it elsewhere"
  }
}
