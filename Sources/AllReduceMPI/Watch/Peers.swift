internal import CKernels
internal import CMPI

/// Where the ranks of the job run: the host and process of each rank, by world rank.
///
/// Gathered once, when MPI has started.
package struct Peers: Sendable {
  /// The name of each rank's host (`MPI_Get_processor_name`).
  package let hosts: [String]
  /// The id of each rank's process, as the process itself sees it.
  package let processes: [Int]
  /// This process's world rank.
  package let me: Int
  /// When each rank's process began, in clock ticks since its host booted.
  private let starts: [UInt64]
  /// The PID namespace of each rank's process, by number; 0 if not known.
  private let spaces: [UInt64]
  /// The host of each rank, given as the lowest world rank on that host.
  private let hostOf: [Int]

  /// Gathers the host and process of every rank. Collective over all ranks of the job. `MPI_Allgather`
  init(
    over base: MPI_Comm, me: Int, hostOf: [Int], host: String
  ) throws(MPIError) {
    let nameBytes = 256
    let entryBytes = 24 + nameBytes
    let process = ck_process()
    var start: UInt64 = 0
    _ = ck_process_state(process, &start)
    let space = owner(ofFile: "/proc/self/ns/pid")?.number ?? 0
    var mine = [UInt8](repeating: 0, count: entryBytes)
    mine.withUnsafeMutableBytes { bytes in
      bytes.storeBytes(of: process, as: Int64.self)
      bytes.storeBytes(of: start, toByteOffset: 8, as: UInt64.self)
      bytes.storeBytes(of: space, toByteOffset: 16, as: UInt64.self)
      UnsafeMutableRawBufferPointer(rebasing: bytes[24...]).copyBytes(
        from: host.utf8.prefix(nameBytes - 1))
    }
    var all = [UInt8](repeating: 0, count: entryBytes * hostOf.count)
    let code = Watchdog.shared.guarding("MPI_Allgather") {
      MPI_Allgather(
        mine, Int32(entryBytes), cmpi_byte(), &all, Int32(entryBytes), cmpi_byte(),
        base)
    }
    try MPIError.check(code, "MPI_Allgather")
    var (hosts, processes, starts, spaces): ([String], [Int], [UInt64], [UInt64]) = ([], [], [], [])
    all.withUnsafeBytes { bytes in
      for first in stride(from: 0, to: bytes.count, by: entryBytes) {
        processes.append(Int(bytes.loadUnaligned(fromByteOffset: first, as: Int64.self)))
        starts.append(bytes.loadUnaligned(fromByteOffset: first + 8, as: UInt64.self))
        spaces.append(bytes.loadUnaligned(fromByteOffset: first + 16, as: UInt64.self))
        let name = bytes[(first + 24)..<(first + entryBytes)].prefix { $0 != 0 }
        hosts.append(String(decoding: name, as: UTF8.self))
      }
    }
    self.init(
      me: me, hosts: hosts, processes: processes, starts: starts, spaces: spaces, hostOf: hostOf)
  }

  init(
    me: Int, hosts: [String], processes: [Int], starts: [UInt64], spaces: [UInt64], hostOf: [Int]
  ) {
    self.me = me
    self.hosts = hosts
    self.processes = processes
    self.starts = starts
    self.spaces = spaces
    self.hostOf = hostOf
  }

  /// Returns whether a rank is on this host.
  func isHere(_ rank: Int) -> Bool { hostOf[rank] == hostOf[me] }

  /// Returns the process of a rank of this host; nil if the rank is on another host or its process cannot be seen.
  func look(at rank: Int) -> HostRank? {
    guard isHere(rank), spaces[rank] == spaces[me], spaces[me] != 0, starts[rank] != 0 else {
      return nil
    }
    return HostRank(rank: rank, process: processes[rank], start: starts[rank])
  }
}

/// Returns world ranks in words, with their processes and hosts: "rank 3 (process 4711 on node2)", "ranks 1 (process
/// 4709 on node1, which is stopped) and 3 (process 4711 on node2)".
///
/// It says which processes of this host are stopped or have ended. It reads /proc, and sends nothing to other ranks.
/// Where nothing is known of the ranks, such as before MPI has started, it returns only their numbers.
package func describePeers(_ ranks: [Int]) -> String { describePeers(ranks, joinedBy: "and") }

/// Same as ``describePeers(_:)``, with another word before the last rank.
func describePeers(_ ranks: [Int], joinedBy word: String) -> String {
  guard let peers = Watchdog.shared.peers else {
    return describeRanks(ranks, joinedBy: word) { String($0) }
  }
  return describeRanks(ranks, joinedBy: word) { rank in
    let remark = peers.look(at: rank)?.condition.map { ", which \($0)" } ?? ""
    return "\(rank) (process \(peers.processes[rank]) on \(peers.hosts[rank])\(remark))"
  }
}
