/// Bytes that a rank moved to or from other ranks, counted where they move.
///
/// Messages count at the rank that sends them. What MPI's own collectives move is hidden and not
/// counted: the algorithm `native`, gathers and scatters of arrays, making communicators.
public struct Traffic: Sendable, Equatable {
  /// Data sent as messages to ranks of other hosts.
  public var networkBytesSent = 0
  /// Data that moved through the memory of the host: read from or written to memory of other ranks, or
  /// sent as messages to ranks of the same host.
  public var memoryBytesExchanged = 0
  /// Messages to ranks of other hosts that carry no data, such as those by which ranks agree about a call.
  public var agreementBytesSent = 0

  /// Nothing moved yet.
  package init() {}

  /// All data, through the network and through memory.
  package var payloadBytes: Int { networkBytesSent + memoryBytesExchanged }

  /// The bytes that this process moved since it started.
  ///
  /// Not collective. Read it on the thread that calls MPI; what lies between two readings is their
  /// difference.
  package static var ofProcess: Traffic { TrafficCounters.ofProcess.pointee.total }

  /// Adds up what was moved.
  package static func + (left: Traffic, right: Traffic) -> Traffic {
    var sum = left
    sum += right
    return sum
  }

  /// Adds what else was moved.
  package static func += (left: inout Traffic, right: Traffic) {
    left.networkBytesSent += right.networkBytesSent
    left.memoryBytesExchanged += right.memoryBytesExchanged
    left.agreementBytesSent += right.agreementBytesSent
  }

  /// The bytes moved between two readings.
  package static func - (later: Traffic, earlier: Traffic) -> Traffic {
    var difference = later
    difference.networkBytesSent -= earlier.networkBytesSent
    difference.memoryBytesExchanged -= earlier.memoryBytesExchanged
    difference.agreementBytesSent -= earlier.agreementBytesSent
    return difference
  }
}
