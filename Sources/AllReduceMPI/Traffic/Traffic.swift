/// The bytes that a rank exchanged with other ranks, counted where they are sent, read or written.
///
/// Messages count at the rank that sends them. The bytes that MPI's own collectives send are hidden and not counted:
/// the algorithm `native`, gathers and scatters of arrays, and the creation of communicators.
public struct Traffic: Sendable, Equatable {
  /// The bytes of data sent as messages to ranks of other hosts.
  public var networkBytesSent = 0
  /// The bytes of data exchanged through the memory of the host: read from or written to memory of other ranks, or sent
  /// as messages to ranks of the same host.
  public var memoryBytesExchanged = 0
  /// The bytes of messages to ranks of other hosts that carry no data, such as those by which ranks agree about a call.
  public var agreementBytesSent = 0

  /// Creates a count of zero bytes.
  package init() {}

  /// The bytes of all data, exchanged through the network and through memory.
  package var payloadBytes: Int { networkBytesSent + memoryBytesExchanged }

  /// The bytes that this process has exchanged since it started.
  ///
  /// Not collective. Read it on the thread that calls MPI. The difference of two readings is what was exchanged between
  /// them.
  package static var ofProcess: Traffic { TrafficCounters.ofProcess.pointee.total }

  /// Returns the sum of two counts.
  package static func + (left: Traffic, right: Traffic) -> Traffic {
    var sum = left
    sum += right
    return sum
  }

  /// Adds another count to this one.
  package static func += (left: inout Traffic, right: Traffic) {
    left.networkBytesSent += right.networkBytesSent
    left.memoryBytesExchanged += right.memoryBytesExchanged
    left.agreementBytesSent += right.agreementBytesSent
  }

  /// Returns the bytes exchanged between two readings.
  package static func - (later: Traffic, earlier: Traffic) -> Traffic {
    var difference = later
    difference.networkBytesSent -= earlier.networkBytesSent
    difference.memoryBytesExchanged -= earlier.memoryBytesExchanged
    difference.agreementBytesSent -= earlier.agreementBytesSent
    return difference
  }
}
