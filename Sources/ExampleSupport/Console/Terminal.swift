#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The terminal that a job's standard error ends at.
///
/// Under mpirun a rank writes into a pipe, and mpirun forwards it; so rank 0 checks where the standard error of mpirun,
/// its parent process, goes, if both are on one host.
struct Terminal {
  /// Width in columns.
  let columns: Int
  /// Whether it shows colours, and its user wants them (`NO_COLOR`).
  let hasColor: Bool

  /// The terminal; nil where output goes into a file or a pipe, or lines cannot be overwritten.
  static func ofStandardError() -> Terminal? {
    guard let path = path, environment("TERM") != "dumb" else { return nil }
    // mpirun puts its own text before the output of ranks.
    let prefixes = ["tag_output", "timestamp_output", "xml_output"]
    if prefixes.contains(where: { environment("OMPI_MCA_orte_\($0)") != nil }) { return nil }
    let descriptor = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var size = winsize()
    let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return Terminal(
      columns: isKnown ? Int(size.ws_col) : 80, hasColor: (environment("NO_COLOR") ?? "").isEmpty)
  }

  private static var path: String? {
    if isatty(STDERR_FILENO) == 1 { return link(to: "/proc/self/fd/2") }
    guard environment("OMPI_COMM_WORLD_RANK") != nil || environment("PMIX_RANK") != nil else {
      return nil
    }
    return link(to: "/proc/\(getppid())/fd/2")
  }

  /// Where a link leads, if to a terminal.
  private static func link(to path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { room in
      let count = readlink(path, room.baseAddress!, 255)
      guard count > 0 else { return nil }
      let found = String(decoding: room.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return found.hasPrefix("/dev/pts/") || found.hasPrefix("/dev/tty") ? found : nil
    }
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
