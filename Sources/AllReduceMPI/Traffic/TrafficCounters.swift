/// The counters of the bytes that a process exchanges with other ranks.
///
/// They are in separate memory, so that counting is plain additions. Only the thread that calls MPI counts, so nothing
/// is locked. A test with threads for ranks gives each thread its own counters.
@usableFromInline
package struct TrafficCounters {
  /// All bytes that were exchanged.
  @usableFromInline package var total = Traffic()
  /// The counts of ``tally``.
  @usableFromInline package var tallied: UnsafeMutablePointer<Traffic>
  /// The tally in use, which counts the bytes exchanged at present too; see ``TrafficTally/counting(_:)``.
  var tally: TrafficTally

  /// The counters of this process.
  package nonisolated(unsafe) static let ofProcess = allocate()

  /// Allocates counters in separate memory, all zero.
  package static func allocate() -> UnsafeMutablePointer<TrafficCounters> {
    let spare = TrafficTally()
    let counters = UnsafeMutablePointer<TrafficCounters>.allocate(capacity: 1)
    counters.initialize(to: TrafficCounters(tallied: spare.counts, tally: spare))
    return counters
  }

  /// Counts bytes that this rank read from or wrote to memory of other ranks.
  @inlinable @inline(__always)
  package mutating func addMemory(_ bytes: Int) {
    total.memoryBytesExchanged &+= bytes
    tallied.pointee.memoryBytesExchanged &+= bytes
  }
}

/// Counts the bytes that a rank sends to the ranks of a communicator.
package struct TrafficMeter {
  private let counters = TrafficCounters.ofProcess
  /// Whether each rank is on another host.
  private let isFar: UnsafeMutablePointer<Bool>

  /// Creates a meter, with one flag per rank.
  ///
  /// - Parameter isFar: Whether each rank is on another host than this rank.
  init(isFar: [Bool]) {
    self.isFar = .allocate(capacity: isFar.count)
    self.isFar.initialize(from: isFar, count: isFar.count)
  }

  func deallocate() { isFar.deallocate() }

  /// Counts bytes of data that are sent to a rank.
  @inline(__always)
  func count(_ bytes: Int, to rank: Int) {
    count(bytes, to: rank, tallied: counters.pointee.tallied)
  }

  /// Counts bytes of data that are sent to a rank, in `tallied` as the counts of the tally.
  @inline(__always)
  func count(_ bytes: Int, to rank: Int, tallied: UnsafeMutablePointer<Traffic>) {
    if isFar[rank] {
      counters.pointee.total.networkBytesSent &+= bytes
      tallied.pointee.networkBytesSent &+= bytes
    } else {
      counters.pointee.total.memoryBytesExchanged &+= bytes
      tallied.pointee.memoryBytesExchanged &+= bytes
    }
  }

  /// Counts a message that carries no data of the user: a ticket, a question, an answer. Messages within the host are
  /// not counted.
  @inline(__always)
  func countAgreement(_ bytes: Int, to rank: Int) {
    countAgreement(bytes, to: rank, tallied: counters.pointee.tallied)
  }

  /// Same as ``countAgreement(_:to:)``, with `tallied` as the counts of the tally.
  @inline(__always)
  func countAgreement(_ bytes: Int, to rank: Int, tallied: UnsafeMutablePointer<Traffic>) {
    guard isFar[rank] else { return }
    counters.pointee.total.agreementBytesSent &+= bytes
    tallied.pointee.agreementBytesSent &+= bytes
  }
}
