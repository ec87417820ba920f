/// Where a process counts the bytes that it moves.
///
/// In memory of their own, so that counting is plain additions. Only the thread that calls MPI counts, so
/// nothing is locked. A test with threads for ranks gives each thread counters of its own.
@usableFromInline
package struct TrafficCounters {
  /// Everything that was moved.
  @usableFromInline package var total = Traffic()
  /// The numbers of ``tally``.
  @usableFromInline package var tallied: UnsafeMutablePointer<Traffic>
  /// Counts too what is moved at present; see ``TrafficTally/counting(_:)``.
  var tally: TrafficTally

  /// The counters of this process.
  package nonisolated(unsafe) static let ofProcess = allocate()

  /// Makes counters in memory of their own.
  package static func allocate() -> UnsafeMutablePointer<TrafficCounters> {
    let spare = TrafficTally()
    let counters = UnsafeMutablePointer<TrafficCounters>.allocate(capacity: 1)
    counters.initialize(to: TrafficCounters(tallied: spare.counts, tally: spare))
    return counters
  }

  /// Counts what this rank read from or wrote to memory of other ranks.
  @inlinable @inline(__always)
  package mutating func addMemory(_ bytes: Int) {
    total.memoryBytesExchanged &+= bytes
    tallied.pointee.memoryBytesExchanged &+= bytes
  }
}

/// Counts what a rank sends to the ranks of a communicator.
package struct TrafficMeter {
  private let counters = TrafficCounters.ofProcess
  /// Which ranks are on other hosts.
  private let isFar: UnsafeMutablePointer<Bool>

  /// Takes memory for a flag a rank.
  ///
  /// - Parameter isFar: Which ranks are on other hosts than this one.
  init(isFar: [Bool]) {
    self.isFar = .allocate(capacity: isFar.count)
    self.isFar.initialize(from: isFar, count: isFar.count)
  }

  func deallocate() { isFar.deallocate() }

  /// Counts data that is sent to a rank.
  @inline(__always)
  func count(_ bytes: Int, to rank: Int) {
    count(bytes, to: rank, tallied: counters.pointee.tallied)
  }

  /// Counts data that is sent to a rank on behalf of a tally, whose numbers are given.
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

  /// Counts a message without data of the user: a ticket, a question, an answer. Messages within the host
  /// are not counted.
  @inline(__always)
  func countAgreement(_ bytes: Int, to rank: Int) {
    countAgreement(bytes, to: rank, tallied: counters.pointee.tallied)
  }

  /// Same as ``countAgreement(_:to:)``, on behalf of a tally.
  @inline(__always)
  func countAgreement(_ bytes: Int, to rank: Int, tallied: UnsafeMutablePointer<Traffic>) {
    guard isFar[rank] else { return }
    counters.pointee.total.agreementBytesSent &+= bytes
    tallied.pointee.agreementBytesSent &+= bytes
  }
}
