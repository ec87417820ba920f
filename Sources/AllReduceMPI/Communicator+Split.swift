internal import CMPI

extension Communicator {
  /// The communicator of those ranks that gave the same colour, ordered by key, then by rank.
  ///
  /// Collective: every rank of this communicator must call it.
  ///
  /// - Parameters:
  ///   - color: Which group this rank joins, not negative.
  ///   - key: Where in the group; nil keeps the present order.
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

  /// As ``split(color:key:)``, where ranks that give no colour join no group and get nil.
  public func split(optionalColor color: Int?, key: Int? = nil) throws -> Communicator? {
    precondition(color ?? 0 >= 0, "A colour must not be negative, but is \(color ?? 0).")
    var part: MPI_Comm?
    try MPIError.check(
      MPI_Comm_split(
        handle, color.map { Int32($0) } ?? MPI_UNDEFINED, Int32(key ?? rank), &part),
      "MPI_Comm_split")
    guard let part, part != cmpi_comm_null() else { return nil }
    return try Communicator(owning: part)
  }

  /// The communicator of the ranks that can share memory with this one: those of its host.
  ///
  /// Collective. `MPI_Comm_split_type(MPI_COMM_TYPE_SHARED)`
  public func splitByHost() throws -> Communicator {
    var part: MPI_Comm?
    try MPIError.check(
      MPI_Comm_split_type(
        handle, Int32(MPI_COMM_TYPE_SHARED), Int32(rank), cmpi_info_null(), &part),
      "MPI_Comm_split_type")
    return try Communicator(owning: part!)
  }

  /// A communicator of the same ranks whose messages and collectives are separate from this one's.
  ///
  /// Collective. `MPI_Comm_dup`
  public func duplicate() throws -> Communicator {
    try Communicator(duplicating: handle)
  }
}
