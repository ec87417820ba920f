#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The terminal to which a job's standard error goes.
///
/// Under mpirun a rank writes into a pipe, which mpirun forwards; so rank 0 checks where the standard error of mpirun,
/// its parent process, goes. This works if rank 0 and mpirun are on the same host.
struct Terminal {
  /// The terminal's width in columns.
  let columns: Int
  /// Whether the terminal shows colours and its user wants them (`NO_COLOR`).
  let hasColor: Bool

  /// Returns the terminal; nil where standard error goes to a file or a pipe, or where lines cannot be overwritten.
  static func ofStandardError() -> Terminal? {
    guard let path = path, environment("TERM") != "dumb" else { return nil }
    // With these options mpirun puts its own text before the output of ranks.
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

  /// Returns the target of a symbolic link if that is a terminal; otherwise nil.
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
