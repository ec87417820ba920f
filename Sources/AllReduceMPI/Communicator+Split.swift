internal import CMPI

extension Communicator {
  /// Creates a communicator of the ranks that gave the same colour, ordered by key, then by rank.
  ///
  /// Collective: every rank of this communicator must call it.
  ///
  /// - Parameters:
  ///   - color: The number of the group that this rank joins, not negative.
  ///   - key: The number by which the group's ranks are ordered; nil keeps the present order.
  /// - Returns: The communicator of this rank's colour.
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Comm_split`
  public func split(color: Int, key: Int? = nil) throws -> Communicator {
    guard let part = try split(optionalColor: color, key: key) else {
      preconditionFailure("A split with a colour always yields a communicator.")
    }
    return part
  }

  /// Same as ``split(color:key:)``, but ranks that give no colour join no group and get nil.
  public func split(optionalColor color: Int?, key: Int? = nil) throws -> Communicator? {
    precondition(
      (0...Int(Int32.max)).contains(color ?? 0),
      "A colour is 0...\(Int32.max), but this one is \(color ?? 0).")
    precondition(
      Int32(exactly: key ?? rank) != nil, "A key has 32 bits, but this one is \(key ?? rank).")
    try meet(Call(.split))
    let id = childID(1 + UInt64(color ?? 0))
    try buryTheDead()
    var part: MPI_Comm?
    let code = watchdog.guarding("MPI_Comm_split", among: worldRanks) {
      MPI_Comm_split(
        handle, color.map { Int32($0) } ?? MPI_UNDEFINED, Int32(key ?? rank), &part)
    }
    try MPIError.check(code, "MPI_Comm_split")
    guard let part, part != cmpi_comm_null() else { return nil }
    return try Communicator(owning: part, id: id)
  }

  /// Creates a communicator of the ranks that can share memory with this rank: the ranks of its host.
  ///
  /// Collective. `MPI_Comm_split`
  public func splitByHost() throws -> Communicator {
    let host = hosts.firstIndex { $0.contains(rank) } ?? 0
    try meet(Call(.splitByHost))
    let id = childID(1 + UInt64(host))
    try buryTheDead()
    var part: MPI_Comm?
    let code = watchdog.guarding("MPI_Comm_split", among: worldRanks) {
      MPI_Comm_split(handle, Int32(host), Int32(rank), &part)
    }
    try MPIError.check(code, "MPI_Comm_split")
    return try Communicator(owning: part!, id: id)
  }

  /// Creates a communicator of the same ranks, whose messages and collectives are separate from this communicator's.
  ///
  /// Collective. `MPI_Comm_dup`
  public func duplicate() throws -> Communicator {
    try meet(Call(.duplicate))
    let id = childID(0)
    try buryTheDead()
    var copy: MPI_Comm?
    let code = watchdog.guarding("MPI_Comm_dup", among: worldRanks) { MPI_Comm_dup(handle, &copy) }
    try MPIError.check(code, "MPI_Comm_dup")
    return try Communicator(owning: copy!, id: id)
  }

  /// Returns a number for a communicator that is made from this one: the same on all its ranks, and different from
  /// every other communicator's. Sends no messages, because the ranks have just agreed on the call that makes the
  /// communicator.
  private func childID(_ part: UInt64) -> UInt64 {
    let call = Call.fold(agreement.id ^ 0xA076_1D64_78BD_642F, madeCount &+ 0xE703_7ED1_A0B4_28DB)
    madeCount += 1
    return Call.fold(call, part ^ 0x8EBC_6AF0_9C88_C6E3) | 1
  }

  /// Frees the MPI communicators that all their ranks have released, among those whose ranks all belong to this
  /// communicator. Collective.
  private func buryTheDead() throws { try MPI.graveyard?.bury(over: self) }
}
