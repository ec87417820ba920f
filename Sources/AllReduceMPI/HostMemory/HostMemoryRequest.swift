internal import CKernels

/// A request for host memory that ranks make together.
package struct HostMemoryRequest: Equatable {
  /// The purpose of the memory.
  package enum Purpose: Equatable {
    /// An ``Arena`` of elements.
    case arena(count: Int, type: ScalarType)
    /// The lines of a ``HostGroup``.
    case collectives
  }

  package let purpose: Purpose
  /// The number of bytes in a part.
  package let bytes: Int
  /// Whether a host has one part, which its first rank owns; otherwise each of its ranks has one.
  package let isSingle: Bool

  package init(_ purpose: Purpose, bytes: Int, isSingle: Bool) {
    self.purpose = purpose
    self.bytes = bytes
    self.isSingle = isSingle
  }

  private static let wordCount = 5

  private var words: [Int] {
    switch purpose {
    case .arena(let count, let type): [1, count, Int(type.rawValue), bytes, isSingle ? 1 : 0]
    case .collectives: [2, 0, 0, bytes, isSingle ? 1 : 0]
    }
  }

  private init(words: some Sequence<Int>) {
    let words = Array(words)
    let type = ScalarType(rawValue: UInt8(truncatingIfNeeded: words[2]))
    if words[0] == 1, let type {
      purpose = .arena(count: words[1], type: type)
    } else {
      purpose = .collectives
    }
    bytes = words[3]
    isSingle = words[4] == 1
  }

  /// Checks that all ranks make the same request, and that there is enough free memory, before anything is allocated.
  /// Collective.
  ///
  /// Cost: one all-gather of twelve numbers per rank.
  ///
  /// - Returns: A random number, the same on all ranks.
  /// - Throws: ``AgreedError`` if ranks make different requests, or a host does not have enough memory.
  func agree(over communicator: Communicator) throws -> UInt64 {
    let host = communicator.hostRanks
    let owners = isSingle ? 1 : host.count
    let (mapped, isTooMuch) = bytes.multipliedReportingOverflow(by: owners)
    let need = MemoryNeed(
      isSingle && communicator.hostIndex > 0 ? 0 : bytes, mapped: isTooMuch ? Int.max : mapped)
    var random: UInt64 = 0
    _ = ck_random_word(&random)
    let rows = try communicator.allGatherBare(
      words + need.words + [Int(truncatingIfNeeded: random)])
    let requests = rows.map { HostMemoryRequest(words: $0.prefix(HostMemoryRequest.wordCount)) }
    if let other = requests.firstIndex(where: { $0 != requests[0] }) {
      let ranks = communicator.worldRanks
      throw AgreedError(
        rank: other,
        message:
          "host memory: rank \(ranks[0]) makes \(requests[0]), but rank \(ranks[other]) makes "
          + "\(requests[other]); all ranks must make the same, in the same order",
        exitCode: 70)
    }
    let needs = rows.map {
      MemoryNeed(words: $0[HostMemoryRequest.wordCount...].prefix(MemoryNeed.wordCount))
    }
    try communicator.require(needs, "\(self)")
    return UInt64(bitPattern: Int64(rows[0].last ?? 0))
  }
}

extension HostMemoryRequest: CustomStringConvertible {
  package var description: String {
    let size = "\(byteText(bytes)) a \(isSingle ? "host" : "rank")"
    return switch purpose {
    case .arena(let count, let type): "an arena of \(count) \(type) (\(size))"
    case .collectives: "memory for collectives (\(size))"
    }
  }
}
