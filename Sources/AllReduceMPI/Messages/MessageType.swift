internal import CMPI

/// The MPI datatype and count of a message: a number of bytes, or, above the largest count, one element of a datatype
/// of the message's size.
///
/// So a message of any size is one message: it is probed, compared and received as a whole.
struct MessageType: ~Copyable {
  let count: Int32
  let datatype: MPI_Datatype
  private let isMade: Bool

  /// Creates the datatype for a message.
  ///
  /// - Parameters:
  ///   - bytes: The size of the message.
  ///   - largestCount: The largest count that MPI is given.
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Type_contiguous`, `MPI_Type_create_struct`
  init(bytes: Int, largestCount: Int) throws(MPIError) {
    if bytes <= largestCount {
      (count, datatype, isMade) = (Int32(bytes), cmpi_byte(), false)
      return
    }
    let (blocks, rest) = bytes.quotientAndRemainder(dividingBy: largestCount)
    var block: MPI_Datatype?
    try MPIError.check(
      MPI_Type_contiguous(Int32(largestCount), cmpi_byte(), &block), "MPI_Type_contiguous")
    defer { MPI_Type_free(&block) }
    var whole: MPI_Datatype?
    try MPIError.check(
      MPI_Type_create_struct(
        2, [Int32(blocks), Int32(rest)], [0, bytes - rest], [block, cmpi_byte()], &whole),
      "MPI_Type_create_struct")
    try MPIError.check(MPI_Type_commit(&whole), "MPI_Type_commit")
    (count, datatype, isMade) = (1, whole!, true)
  }

  deinit {
    if !isMade { return }
    var datatype: MPI_Datatype? = datatype
    MPI_Type_free(&datatype)
  }
}
