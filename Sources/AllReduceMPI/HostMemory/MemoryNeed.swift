internal import CKernels

/// Memory that a rank is about to allocate, and the free memory that it sees.
///
/// A host's ranks allocate memory at the same time, so the free memory is compared with what they allocate
/// together: those of a host with the system's memory, those of a control group (a container, a job of a
/// batch system) with what the group's limit leaves. Address space is each rank's own.
struct MemoryNeed {
  /// Bytes that this rank allocates.
  let bytes: Int
  /// Bytes that it maps, its own and others'.
  let mapped: Int
  private let room: ck_memory_room

  /// Smaller requests are not checked: asking how much memory is free takes half a millisecond.
  private static let least = 1 << 20

  /// - Parameters:
  ///   - bytes: The bytes that this rank allocates.
  ///   - mapped: The bytes that it maps; the system needs a word a page to find them.
  init(_ bytes: Int, mapped: Int) {
    let (sum, isTooMuch) = bytes.addingReportingOverflow(mapped / (ck_page_size() / 8))
    self.bytes = isTooMuch ? Int.max : sum
    self.mapped = mapped
    room =
      mapped < MemoryNeed.least
      ? ck_memory_room(system: .max, group: .max, group_number: 0, addresses: .max)
      : ck_memory_room()
  }

  static let wordCount = 6

  init(words: some Sequence<Int>) {
    let words = Array(words)
    (bytes, mapped) = (words[0], words[1])
    room = ck_memory_room(
      system: Int64(words[2]), group: Int64(words[3]),
      group_number: UInt64(bitPattern: Int64(words[4])), addresses: Int64(words[5]))
  }

  var words: [Int] {
    [
      bytes, mapped, Int(room.system), Int(room.group), Int(truncatingIfNeeded: room.group_number),
      Int(room.addresses),
    ]
  }

  /// Ranks that together ask for more memory than is free.
  struct Shortage: Equatable {
    let ranks: [Int]
    let needed: Int
    let available: Int
    /// Whether address space is short, not memory.
    let isOfAddresses: Bool

    /// "48.1 GB, but only 23.3 GB are available".
    var text: String {
      isOfAddresses
        ? "\(byteText(needed)) of address space, but ulimit -v leaves only \(byteText(available))"
        : "\(byteText(needed)), but only \(byteText(available)) are available"
    }
  }

  /// The first shortage on a host, if there is one.
  ///
  /// - Parameters:
  ///   - needs: One a rank of the communicator.
  ///   - hosts: The ranks of each host.
  /// - Returns: The shortage, or nil.
  static func shortage(_ needs: [MemoryNeed], hosts: [[Int]]) -> Shortage? {
    for host in hosts {
      if let rank = host.first(where: { needs[$0].mapped > needs[$0].room.addresses }) {
        return Shortage(
          ranks: [rank], needed: needs[rank].mapped, available: Int(needs[rank].room.addresses),
          isOfAddresses: true)
      }
      if let found = shortage(needs, host, \.room.system) { return found }
      let groups = Dictionary(grouping: host) { needs[$0].room.group_number }
      for ranks in groups.values.sorted(by: { $0[0] < $1[0] }) {
        if let found = shortage(needs, ranks, \.room.group) { return found }
      }
    }
    return nil
  }

  private static func shortage(
    _ needs: [MemoryNeed], _ ranks: [Int], _ room: KeyPath<MemoryNeed, Int64>
  ) -> Shortage? {
    let needed = ranks.reduce(0) { sum, rank in
      let (sum, isTooMuch) = sum.addingReportingOverflow(needs[rank].bytes)
      return isTooMuch ? Int.max : sum
    }
    guard let found = ranks.map({ needs[$0][keyPath: room] }).min(), found < .max else {
      return nil
    }
    // Free memory is an estimate, and programs need some while they run.
    let available = Int(found - found / 64)
    return needed > available
      ? Shortage(ranks: ranks, needed: needed, available: available, isOfAddresses: false) : nil
  }
}

extension Communicator {
  /// Makes sure that all hosts have the memory that their ranks are about to take.
  ///
  /// Collective. Memory that is allocated page by page, as private memory is, is found missing only when it is touched,
  /// and then the system ends some process. Cost: one all-gather of six numbers a rank, and half a millisecond from 1
  /// MiB on.
  ///
  /// - Parameters:
  ///   - bytes: The bytes that this rank is about to allocate.
  ///   - purpose: The purpose, as the subject of "needs": "the training of 5000 parameters".
  /// - Throws: ``AgreedError`` that says how much is needed and how much is free.
  package func requireMemory(_ bytes: Int, for purpose: @autoclosure () -> String) throws {
    try meet(Call(.exchange))
    let rows = try allGatherBare(MemoryNeed(bytes, mapped: bytes).words)
    try require(rows.map { MemoryNeed(words: $0) }, purpose())
  }

  /// Compares what all ranks need with the free memory. All ranks compare the same rows, so all throw or none does.
  func require(_ needs: [MemoryNeed], _ purpose: @autoclosure () -> String) throws {
    guard let shortage = MemoryNeed.shortage(needs, hosts: hosts) else { return }
    try agreeing {
      if rank == shortage.ranks[0] {
        throw MPIError(
          operation: "memory",
          message:
            "\(purpose()) on \(describeWorldRanks(shortage.ranks)) of \(processorName) needs "
            + shortage.text)
      }
    }
  }
}

/// A number of bytes as people read it: "24.0 GB".
func byteText(_ bytes: Int) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) {
    ck_byte_text(Int64(bytes), $0.baseAddress!)
    return String(cString: $0.baseAddress!)
  }
}
