internal import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The memory that this process uses.
package enum ProcessMemory {
  /// The peak resident memory of this process, in bytes (`getrusage`).
  package static var peakResidentBytes: Int {
    var usage = rusage()
    #if canImport(Glibc)
      // Linux reports kilobytes.
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) << 10
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #endif
  }

  /// The proportional set size of this process, in bytes (`/proc/self/smaps_rollup`): a page that n processes share
  /// counts 1/n. Nil where the system does not report it.
  package static var proportionalBytes: Int? {
    guard let text = try? FileBytes.text(of: "/proc/self/smaps_rollup"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Pss:") }),
      let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return kilobytes << 10
  }
}
