package import AllReduceMPI

/// One collective in shared memory, as the ranks of a host announce it to each other.
///
/// A rank writes what it calls into its call line and then the call's number. Whoever waits for the
/// number compares: ranks that disagree get an error that names both calls, not wrong data.
package struct HostCall {
  /// The number of the call among the host's.
  package let number: UInt64
  package let collective: Collective
  package let operation: ReductionOperation
  package let type: ScalarType
  package let count: Int
  /// Whether the elements are in an arena, where others can reach them.
  package let isInPlace: Bool
  /// Where hosts combine their results afterwards, the rank of this host in whose part the host's
  /// result goes; nil if it goes to all.
  package let leader: Int?
  /// All that ranks must agree on but the count: what is called, on what, and how elements travel
  /// between hosts.
  let signature: UInt64

  @inline(__always)
  package init(
    number: UInt64, collective: Collective, operation: ReductionOperation, type: ScalarType,
    count: Int, isInPlace: Bool, leader: Int? = nil, wireFormat: WireFormat = .full
  ) {
    self.number = number
    self.collective = collective
    self.operation = operation
    self.type = type
    self.count = count
    self.isInPlace = isInPlace
    self.leader = leader
    let (kind, root): (UInt64, UInt64) =
      switch collective {
      case .allReduce: (1, 0)
      case .reduceScatter: (2, 0)
      case .allGather: (3, 0)
      case .broadcast(let root): (4, UInt64(root))
      case .reduce(let root): (5, UInt64(root))
      }
    signature =
      kind | UInt64(operation.rawValue) << 8 | UInt64(type.rawValue) << 16
      | (isInPlace ? 1 : 0) << 24 | UInt64(wireFormat.rawValue) << 25 | root << 32
  }

  /// Announces the call: from here on the others may read this rank's elements.
  @inline(__always)
  package func announce(_ lines: HostLines, place: Int = 0) {
    let line = lines.line(lines.rank, number)
    line.signature = signature
    line.count = count
    line.place = place
    lines.raise(line.number, to: number)
  }

  /// Waits until a rank has announced the same call.
  @inline(__always)
  func await(_ owner: Int, _ lines: HostLines) throws {
    let line = lines.line(owner, number)
    lines.wait(for: line.number, toReach: number, of: owner)
    try check(line, owner)
  }

  /// Compares this rank's call with another's.
  @inline(__always)
  func check(_ line: HostLines.CallLine, _ owner: Int) throws {
    if line.signature != signature || line.count != count { throw mismatch(line, owner) }
  }

  @inline(never)
  private func mismatch(_ line: HostLines.CallLine, _ owner: Int) -> MPIError {
    MPIError(
      operation: "\(collective)",
      message: "this rank called \(self), but rank \(owner) of its host called "
        + "\(HostCall.describe(line.signature, line.count)); all ranks must call the same operation "
        + "with the same count and type, in the same order")
  }

  private static func describe(_ signature: UInt64, _ count: Int) -> String {
    let names = ["?", "allReduce", "reduceScatter", "allGather", "broadcast", "reduce"]
    let kind = Int(signature & 0xFF)
    let operation = ReductionOperation(rawValue: UInt8(signature >> 8 & 0xFF))
    let type = ScalarType(rawValue: UInt8(signature >> 16 & 0xFF))
    let place = signature >> 24 & 1 == 1 ? " in an arena" : ""
    let format = WireFormat(rawValue: UInt8(signature >> 25 & 3)) ?? .full
    return "\(names.indices.contains(kind) ? names[kind] : "?") (\(operation?.description ?? "?")) "
      + "of \(count) \(type?.description ?? "?")\(place)"
      + (format == .full ? "" : ", sent as \(format)")
  }
}

extension HostCall: CustomStringConvertible {
  package var description: String { HostCall.describe(signature, count) }
}
