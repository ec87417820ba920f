internal import CMPI

extension Communicator {
  /// Creates a duplicate of a communicator that the program made with MPI directly; the duplicate has the same ranks.
  ///
  /// Collective over the communicator's ranks, inside ``MPI/run(over:threading:_:)``. The program still owns the
  /// original, whose error handler is unchanged. Messages sent on one of the two are never received on the other.
  ///
  /// - Parameter handle: An `MPI_Comm` of Open MPI, an intracommunicator among ranks of the job.
  /// - Throws: ``MPIError``; ``AgreedError`` if a host has too little memory.
  ///
  /// `MPI_Comm_dup`
  public convenience init(duplicating handle: OpaquePointer) throws {
    var isBetweenGroups: Int32 = 0
    try MPIError.check(MPI_Comm_test_inter(handle, &isBetweenGroups), "MPI_Comm_test_inter")
    precondition(
      isBetweenGroups == 0,
      "An intercommunicator joins two groups of ranks: merge it first (MPI_Intercomm_merge).")
    try self.init(owning: try MPI.duplicate(handle), id: try Communicator.freshID(over: handle))
  }

  /// Returns a number that is the same on all ranks of a communicator and that no other communicator has. Its rank 0
  /// makes the number from the count of communicators that it has duplicated, and broadcasts it.
  private static func freshID(over handle: OpaquePointer) throws(MPIError) -> UInt64 {
    let runtime = MPI.current
    runtime.duplicateCount += 1
    var id =
      Call.fold(
        0x8BB8_4B93_962E_ACC9 ^ UInt64(runtime.peers.me), runtime.duplicateCount) | 1
    let code = runtime.watchdog.guarding("MPI_Bcast") {
      MPI_Bcast(&id, 1, cmpi_int64(), 0, handle)
    }
    try MPIError.check(code, "MPI_Bcast")
    return id
  }
}
