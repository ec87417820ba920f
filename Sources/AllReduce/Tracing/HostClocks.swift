internal import AllReduceMPI
internal import AllReduceNN

/// How far the clocks of hosts are from that of rank 0.
///
/// Ranks of a host share a clock. Between hosts rank 0 asks one rank for the time 32 times; the fastest
/// answer counts, taken as of the middle between question and answer. It is wrong by half its round trip
/// at most: some 10 µs in a rack, some 100 µs through loaded links. Drift during a run is not followed.
struct HostClocks {
  /// Nanoseconds that each rank's clock is ahead of rank 0's.
  let offsets: [Int64]
  /// The most that each offset may be wrong by, in nanoseconds.
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
