/// How the ranks of a host come to map the same memory.
///
/// Neither leaves anything behind, whenever a rank dies, and neither is limited by the size of /dev/shm.
/// Which of them works is tried at the start (``HostProbe``); where neither does, ranks exchange
/// messages.
package enum HostMemoryWay: Int, CaseIterable, Sendable {
  /// A nameless file in memory, which the others open through its owner's process: needs a common
  /// namespace of processes and /proc. `memfd_create`, `/proc/PID/fd/N`
  case memoryFile
  /// A segment of System V, removed as soon as its owner has attached it, which Linux lets others attach
  /// until the owner ends: needs a common namespace of IPC. `shmget`, `shmat`
  case systemV

  /// Its name in the environment variable ``variable``.
  var name: String {
    switch self {
    case .memoryFile: "memfd"
    case .systemV: "sysv"
    }
  }

  /// The environment variable that allows one way only, or `none`.
  static let variable = "ALLREDUCE_HOST_MEMORY"

  /// The ways that ``variable`` allows on this rank: all if it is not set, or set to an unknown one.
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
