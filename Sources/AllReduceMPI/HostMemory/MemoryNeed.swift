internal import CKernels

/// The memory that a rank is about to allocate, and the free memory that it sees.
///
/// A host's ranks allocate memory at the same time, so the free memory is compared with what they allocate together:
/// what all ranks of a host allocate with the system's free memory, and what the ranks of a control group (a container,
/// or a job of a batch system) allocate with what the group's limit leaves. Address space is compared for each rank by
/// itself.
struct MemoryNeed {
  /// The number of bytes that this rank allocates, with the system's tables for the mapped pages.
  let bytes: Int
  /// The number of bytes that this rank maps, its own and those of other ranks.
  let mapped: Int
  private let room: ck_memory_room

  /// The number of mapped bytes below which nothing is checked: asking how much memory is free takes half a
  /// millisecond.
  private static let least = 1 << 20

  /// Creates the need of this rank, and asks the system how much memory is free.
  ///
  /// - Parameters:
  ///   - bytes: The number of bytes that this rank allocates.
  ///   - mapped: The number of bytes that this rank maps; the system needs one word per page to find them.
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

  /// The ranks that together ask for more memory than is free, and the numbers of bytes.
  struct Shortage: Equatable {
    let ranks: [Int]
    let needed: Int
    let available: Int
    /// Whether address space is short, rather than memory.
    let isOfAddresses: Bool

    /// A description of the shortage, such as "48.1 GB, but only 23.3 GB are available".
    var text: String {
      isOfAddresses
        ? "\(byteText(needed)) of address space, but ulimit -v leaves only \(byteText(available))"
        : "\(byteText(needed)), but only \(byteText(available)) are available"
    }
  }

  /// Returns the first shortage on a host, if there is one.
  ///
  /// - Parameters:
  ///   - needs: The need of each rank of the communicator.
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
  /// Checks that all hosts have the memory that their ranks are about to allocate.
  ///
  /// Collective. Memory that is allocated page by page, such as private memory, turns out to be missing only when it is
  /// touched, and then the system ends some process. Cost: one all-gather of six numbers per rank, and half a
  /// millisecond from 1 MiB on.
  ///
  /// - Parameters:
  ///   - bytes: The number of bytes that this rank is about to allocate.
  ///   - purpose: The purpose, as the subject of "needs": "the training of 5000 parameters".
  /// - Throws: ``AgreedError`` that says how much is needed and how much is free.
  package func requireMemory(_ bytes: Int, for purpose: @autoclosure () -> String) throws {
    try meet(Call(.exchange))
    let rows = try allGatherBare(MemoryNeed(bytes, mapped: bytes).words)
    try require(rows.map { MemoryNeed(words: $0) }, purpose())
  }

  /// Compares what all ranks need with the free memory. All ranks compare the same rows, so either all throw or none
  /// does.
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

/// Returns a number of bytes in readable form: "24.0 GB".
func byteText(_ bytes: Int) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) {
    ck_byte_text(Int64(bytes), $0.baseAddress!)
    return String(cString: $0.baseAddress!)
  }
}
