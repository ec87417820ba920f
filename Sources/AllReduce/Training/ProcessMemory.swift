internal import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The memory that this process uses.
package enum ProcessMemory {
  /// The most memory that this process has had in use, in bytes (`getrusage`).
  package static var peakResidentBytes: Int {
    var usage = rusage()
    #if canImport(Glibc)
      // In kilobytes.
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) << 10
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #endif
  }

  /// The memory that this process has in use now, in bytes, where n processes share a page each 1/n of it
  /// (proportional set size, `/proc/self/smaps_rollup`); nil where the system does not report it.
  package static var proportionalBytes: Int? {
    guard let text = try? FileBytes.text(of: "/proc/self/smaps_rollup"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Pss:") }),
      let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return kilobytes << 10
  }
}
