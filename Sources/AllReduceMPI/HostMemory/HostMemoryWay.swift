/// A way in which the ranks of a host map the same memory.
///
/// Neither way leaves anything behind, whenever a rank dies, and neither is limited by the size of /dev/shm. Which of
/// them works is tested at the start (``HostProbe``); where neither does, ranks exchange messages.
package enum HostMemoryWay: Int, CaseIterable, Sendable {
  /// A nameless file in memory, which the other ranks open through its owner's process. It needs a common PID namespace
  /// and /proc. `memfd_create`, `/proc/PID/fd/N`
  case memoryFile
  /// A System V segment, which is removed as soon as its owner has attached it; Linux lets other ranks attach it until
  /// the owner ends. It needs a common IPC namespace. `shmget`, `shmat`
  case systemV

  /// The way's name in the environment variable ``variable``.
  var name: String {
    switch self {
    case .memoryFile: "memfd"
    case .systemV: "sysv"
    }
  }

  /// The environment variable that names the one way allowed, or `none`.
  static let variable = "ALLREDUCE_HOST_MEMORY"

  /// Returns the ways that ``variable`` allows on this rank: all, if it is not set or its value is unknown. An unknown
  /// value is reported if `warning` is true.
  static func allowed(warning: Bool) -> [HostMemoryWay] {
    guard let text = environmentVariable(variable) else { return allCases }
    if text == "none" { return [] }
    if let way = allCases.first(where: { $0.name == text }) { return [way] }
    if !warning { return allCases }
    let names = allCases.map(\.name).joined(separator: ", ")
    writeToStandardError(
      "warning: \(variable)=\(text) is none of \(names) and none; the way that works is used.\n")
    return allCases
  }
}
