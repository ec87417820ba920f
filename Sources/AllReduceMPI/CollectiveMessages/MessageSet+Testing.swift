internal import CMPI

/// Asking MPI which messages have ended.
extension MessageSet {
  func testSome() throws -> Int32 {
    var count: Int32 = 0
    let code = MPI_Testsome(
      Int32(state.pointee.active), requests, &count, indices, statuses)
    if code != MPI_SUCCESS { throw failure(code, count) }
    return count
  }

  /// As ``testSome()``, for a single message: a small vector's last one. MPI looks at it again after
  /// it has moved the messages, and not only before, so it is seen one call earlier.
  func testOne() throws -> Int32 {
    var hasEnded: Int32 = 0
    let code = MPI_Test(requests, &hasEnded, statuses)
    indices[0] = 0
    if code != MPI_SUCCESS {
      // Only calls that test several messages leave the code here.
      statuses[0].MPI_ERROR = code
      throw failure(code, 1)
    }
    return hasEnded
  }

  func closeGaps() {
    var kept = 0
    for place in 0..<state.pointee.active where requests[place] != cmpi_request_null() {
      if kept != place {
        requests[kept] = requests[place]
        entries[kept] = entries[place]
      }
      kept += 1
    }
    state.pointee.active = kept
  }

  func bytes(of status: UnsafeMutablePointer<MPI_Status>) -> Int {
    var bytes: Int32 = 0
    MPI_Get_count(status, cmpi_byte(), &bytes)
    return Int(bytes)
  }

  private func failure(_ code: Int32, _ count: Int32) -> MPIError {
    var error = MPIError("MPI_Testsome", code: code)
    // The code of each message stands in its status (MPI_ERR_IN_STATUS).
    for position in 0..<max(0, Int(count)) {
      let one = statuses[position].MPI_ERROR
      guard one != MPI_SUCCESS, one != Int32(MPI_ERR_PENDING) else { continue }
      let entry = entries[Int(indices[position])]
      error = MPIError(
        "a message with rank \(endpoint.worldRanks[Int(entry.peer)])", code: one)
    }
    closeGaps()
    return fail(error)
  }
}
