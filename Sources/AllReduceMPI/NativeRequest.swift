internal import CMPI

/// One or more MPI requests that are waited for together.
final class NativeRequest: InFlight {
  private var requests: [MPI_Request?]
  private let operation: StaticString
  private let awaited: [Int]
  private(set) var failure: (any Error)?
  /// Of the message that ended last, where it was received.
  private(set) var status = MPI_Status()
  /// Bytes received by all the requests together.
  private(set) var receivedBytes = 0
  private var done = 0

  init(_ request: MPI_Request?, _ operation: StaticString, awaiting awaited: [Int]) {
    requests = [request]
    self.operation = operation
    self.awaited = awaited
  }

  init(_ requests: [MPI_Request?], _ operation: StaticString, awaiting awaited: [Int]) {
    self.requests = requests
    self.operation = operation
    self.awaited = awaited
  }

  var summary: String { "\(operation)" }
  var awaitedRanks: [Int] { awaited }

  func advance() -> Bool {
    while done < requests.count {
      var flag: Int32 = 0
      let code = MPI_Test(&requests[done], &flag, &status)
      if code != MPI_SUCCESS {
        failure = MPIError("\(operation)", code: code)
        done = requests.count
        return true
      }
      if flag == 0 { return false }
      var bytes: Int32 = 0
      MPI_Get_count(&status, cmpi_byte(), &bytes)
      receivedBytes += Int(bytes)
      done += 1
    }
    return true
  }
}
