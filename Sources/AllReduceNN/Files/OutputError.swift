#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An error while output was written, such as a full disk or a closed pipe.
public struct OutputError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the file, or "standard output".
  package let file: String
  /// The reason that the system gave.
  package let reason: String

  /// Creates an error from the name of the file and the system's error number.
  package init(file: String, code: Int32) {
    (self.file, reason) = (file, String(cString: strerror(code)))
  }

  /// The file, the reason, and what to do next.
  public var description: String {
    "\(file): not all of the output could be written, \"\(reason)\"; make room, or write it elsewhere"
  }
}
