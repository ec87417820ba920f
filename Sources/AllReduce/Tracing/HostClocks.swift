internal import AllReduceMPI
internal import AllReduceNN

/// The difference between each rank's clock and the clock of rank 0.
///
/// Ranks on one host share a clock. For every other host, rank 0 asks one of its ranks for the time, 32 times, and
/// keeps the answer with the shortest round trip; it takes the answered time as that of the middle of the round trip.
/// The error is at most half of the round trip: some 10 µs within a rack, some 100 µs over loaded links. Clock drift
/// during a run is not corrected.
struct HostClocks {
  /// The number of nanoseconds by which each rank's clock is ahead of rank 0's.
  let offsets: [Int64]
  /// The largest possible error of each rank's offset, in nanoseconds.
  let errors: [Int64]

  private static let questions = 32

  /// Measures the offsets. Collective.
  ///
  /// - Throws: ``MPIError``.
  init(_ communicator: Communicator) throws {
    let size = communicator.size
    var numbers = [Int64](repeating: 0, count: 2 * size)
    for host in communicator.hosts.dropFirst() {
      guard let answering = host.first else { continue }
      var time: [Int64] = [0]
      if communicator.rank == answering {
        for _ in 0..<HostClocks.questions {
          try communicator.receive(into: &time, from: 0)
          try communicator.send([SpanRecorder.now()], to: 0)
        }
      } else if communicator.isRoot {
        var (offset, best) = (Int64(0), Int64.max)
        for _ in 0..<HostClocks.questions {
          let asked = SpanRecorder.now()
          try communicator.send([asked], to: answering)
          try communicator.receive(into: &time, from: answering)
          let trip = SpanRecorder.now() - asked
          if trip < best { (offset, best) = (time[0] - asked - trip / 2, trip) }
        }
        for rank in host { (numbers[rank], numbers[size + rank]) = (offset, best / 2) }
      }
    }
    try numbers.withUnsafeMutableBufferPointer { try communicator.broadcast($0, from: 0) }
    offsets = Array(numbers[..<size])
    errors = Array(numbers[size...])
  }
}
