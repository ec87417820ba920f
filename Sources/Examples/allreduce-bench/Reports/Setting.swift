import AllReduce
import ExampleSupport
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a benchmark runs: the ranks, their hosts, and the cores and clocks of the hosts.
struct Setting {
  let ranks: Int
  let hosts: Int
  /// The number of cores of all hosts together.
  let cores: Int
  /// Whether some host has more ranks than cores. If hosts are namespaces of one machine, they share its cores.
  let isOversubscribed: Bool
  /// Whether all ranks read the same monotonic clock.
  let sharesClock: Bool
  /// The number of ranks on this rank's host.
  let ranksOfHost: Int
  let hostName: String
  /// The name and version of MPI.
  let mpi: String
  /// The file from which `automatic` takes its choices; nil if they are built in.
  let tuningFile: String?

  /// Finds out where the ranks of `world` run. Collective.
  init(of world: Communicator) throws {
    let host = try world.splitByHost()
    let coresOfHost = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    ranks = world.size
    ranksOfHost = host.size
    hostName = world.processorName
    mpi = MPI.libraryVersion
    tuningFile = world.tuningFile
    var totals = [host.isRoot ? 1 : 0, host.isRoot ? coresOfHost : 0].map(Int64.init)
    try world.allReduce(&totals, .sum, using: .native)
    hosts = Int(totals[0])

    let clock = Setting.clockIdentity ?? world.processorName
    let clockOfRoot = try world.broadcast(clock, from: 0)
    var flags: [Int32] = [host.size > coresOfHost ? 1 : 0, clock == clockOfRoot ? 0 : 1]
    try world.allReduce(&flags, .maximum, using: .native)
    sharesClock = flags[1] == 0
    cores = sharesClock ? coresOfHost : Int(totals[1])
    isOversubscribed = flags[0] == 1 || ranks > cores
  }

  /// Text that is equal for two processes that read the same monotonic clock: the ID of the kernel's boot, and the time
  /// namespace. Containers and network namespaces of one machine have both in common.
  private static var clockIdentity: String? {
    guard let boot = firstLine(of: "/proc/sys/kernel/random/boot_id") else { return nil }
    var link = [UInt8](repeating: 0, count: 128)
    let length = link.withUnsafeMutableBytes {
      readlink("/proc/self/ns/time", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return boot + String(decoding: link.prefix(max(0, length)), as: UTF8.self)
  }

  private static func firstLine(of file: String) -> String? {
    guard let stream = fopen(file, "r") else { return nil }
    defer { fclose(stream) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), stream) != nil else { return nil }
    return String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Throws an error if the benchmark would need more memory than this host has.
  func checkMemory(for options: BenchOptions, _ contenders: [Contender]) throws {
    // Algorithms may keep a staging buffer as large as the rank's own.
    let needed = Needs(options, contenders).buffers + 1
    let largest = options.sizes.max() ?? 0
    let available = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    let (total, overflow) = largest.multipliedReportingOverflow(by: needed * ranksOfHost)
    if overflow || total > available {
      throw BenchError.tooLarge(
        needed: overflow ? .max : total, available: available, host: hostName)
    }
  }

  /// A description of the machine, such as "AMD EPYC 9R14, 2 cores, Open MPI v4.1.4".
  var machine: String {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = lines.split(separator: "\n").first { $0.hasPrefix("model name") }?
      .split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    return ([model].compactMap(\.self) + [count(cores, "core"), mpi]).joined(separator: ", ")
  }

  /// A description of the setting, such as "2 ranks on 1 host with 2 cores, Open MPI v4.1.4".
  var text: String {
    "\(count(ranks, "rank")) on \(count(hosts, "host")) with \(count(cores, "core")), \(mpi)"
  }

  private func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }
}
