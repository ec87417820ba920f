#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The most memory that this process has had in use, in bytes (`getrusage`).
func peakResidentBytes() -> Int {
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
