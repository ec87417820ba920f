internal import CKernels
internal import CMPI

/// Finds out at the start which ranks can share memory, and how.
///
/// MPI reports which ranks are on one machine. If they are in separate containers, process ids and segment ids mean
/// different things in each container. So every rank makes a page of memory, and tests whether it can reach the other
/// ranks' pages (``HostPart``). Ranks that reach each other's pages form a host; the way that yields fewer hosts is
/// used.
struct HostProbe {
  /// The host of each world rank, given as the lowest world rank on that host.
  let hostOfWorldRank: [Int]
  /// The ways to share memory, in the order in which to try them.
  let ways: [HostMemoryWay]

  private init(hostOfWorldRank: [Int], ways: [HostMemoryWay]) {
    self.hostOfWorldRank = hostOfWorldRank
    self.ways = ways
  }

  /// Runs the probe. Collective over all ranks, right after MPI was initialised.
  ///
  /// Cost: on each machine a page per rank, which every other rank opens once; two all-gathers, and three more for each
  /// way that is tried.
  ///
  /// `MPI_Comm_split_type(MPI_COMM_TYPE_SHARED)`, `MPI_Allgather`
  static func run(
    over base: MPI_Comm, rank: Int, size: Int, host: String
  ) throws(MPIError) -> HostProbe {
    var made: MPI_Comm?
    try MPIError.check(
      MPI_Comm_split_type(
        base, Int32(MPI_COMM_TYPE_SHARED), Int32(rank), cmpi_info_null(), &made),
      "MPI_Comm_split_type")
    defer { MPI_Comm_free(&made) }
    guard let node = made, size > 1 else {
      return HostProbe(hostOfWorldRank: [0], ways: HostMemoryWay.allowed(warning: rank == 0))
    }
    let members = try gather([rank], node).map { $0[0] }

    // All ranks must use the same way, so a way that is forbidden on some rank is not used.
    let mine = HostMemoryWay.allowed(warning: rank == 0)
    let allowed = try gather(HostMemoryWay.allCases.map { mine.contains($0) ? 1 : 0 }, base)
    let ways = HostMemoryWay.allCases.filter { way in
      allowed.allSatisfy { $0[way.rawValue] == 1 }
    }

    var failure: HostPart.Failure?
    var best: (way: HostMemoryWay, hosts: [Int])?
    for way in ways {
      let lowest = try lowestSharer(of: rank, members, by: way, node, &failure)
      let rows = try gather([lowest, members[0]], base)
      let hosts = rows.map { $0[0] }
      if best == nil || Set(hosts).count < Set(best!.hosts).count { best = (way, hosts) }
      if rows.allSatisfy({ $0[0] == $0[1] }) { break }
    }
    guard let best else {
      return HostProbe(hostOfWorldRank: Array(0..<size), ways: [])
    }
    if rank == members[0] {
      warn(of: members.map { best.hosts[$0] }, members, host, failure)
    }
    return HostProbe(
      hostOfWorldRank: best.hosts, ways: [best.way] + ways.filter { $0 != best.way })
  }

  /// Returns the lowest rank of this rank's group: ranks of the machine that can all share memory with each other.
  /// Collective over `node`.
  private static func lowestSharer(
    of rank: Int, _ members: [Int], by way: HostMemoryWay, _ node: MPI_Comm,
    _ failure: inout HostPart.Failure?
  ) throws(MPIError) -> Int {
    if members.count == 1 { return rank }
    var own: HostPart?
    let region = ck_reserve(HostPart.pageOfWord)
    if let region {
      do throws(HostPart.Failure) {
        own = try HostPart(by: way, bytes: 0, at: region, populate: true)
      } catch { failure = failure ?? error }
    }
    defer {
      own?.close()
      if let region { ck_unmap(region, HostPart.pageOfWord) }
    }
    let parts = try gather(
      own.map { [1] + $0.words } ?? [Int](repeating: 0, count: 1 + HostPart.wordCount), node)
    var reached = [Int](repeating: 1, count: members.count)
    for (index, words) in parts.enumerated() where members[index] != rank {
      guard words[0] == 1 else {
        reached[index] = 0
        continue
      }
      do throws(HostPart.Failure) {
        try HostPart(words: words.dropFirst()).reach()
      } catch {
        failure = failure ?? error
        reached[index] = 0
      }
    }
    // After this no rank reads another rank's page.
    let all = try gather(reached, node)
    var groups: [[Int]] = []
    for index in members.indices {
      let place = groups.firstIndex { group in
        group.allSatisfy { all[$0][index] == 1 && all[index][$0] == 1 }
      }
      if let place { groups[place].append(index) } else { groups.append([index]) }
    }
    let mine = groups.first { group in group.contains { members[$0] == rank } }
    return mine.map { members[$0[0]] } ?? rank
  }

  private static func warn(
    of hosts: [Int], _ members: [Int], _ host: String, _ failure: HostPart.Failure?
  ) {
    let groups = Dictionary(grouping: members.indices) { hosts[$0] }.values
      .map { $0.map { members[$0] } }.sorted { $0[0] < $1[0] }
    if groups.count < 2 { return }
    let why = failure.map { " (\($0))" } ?? ""
    if groups.allSatisfy({ $0.count == 1 }) {
      writeToStandardError(
        "warning: \(describeRanks(members)) on \(host) cannot share memory\(why); they exchange messages, as between "
          + "hosts.\n")
    } else {
      let names = groups.map { describeRanks($0) }.joined(separator: "; ")
      writeToStandardError(
        "warning: on \(host) memory can be shared only within these groups: \(names)\(why). Between groups, ranks "
          + "exchange messages, as between hosts.\n")
    }
  }

  /// All-gathers numbers, and returns one row per rank.
  private static func gather(_ words: [Int], _ handle: MPI_Comm) throws(MPIError) -> [[Int]] {
    let own = words.map { Int64($0) }
    let (size, count) = (Communicator.size(of: handle), words.count)
    var all = [Int64](repeating: 0, count: size * count)
    try MPIError.check(
      MPI_Allgather(
        own, Int32(count), cmpi_int64(), &all, Int32(count), cmpi_int64(), handle),
      "MPI_Allgather")
    return (0..<size).map { rank in all[rank * count..<(rank + 1) * count].map { Int($0) } }
  }
}
