package import AllReduceMPI

/// One collective in shared memory, as the ranks of a host announce it to each other.
///
/// A rank writes into its call line the hash over all its calls, and then the call's number. A rank
/// that waits for the number compares the hash: ranks that disagree throw (``CallFailed``) before they
/// touch each other's data.
package struct HostCall {
  /// The number of the call among the host's.
  package let number: UInt64
  /// The hash over all calls up to this one: what ranks must agree on (``Ticket/running``).
  package let signature: UInt64
  package let collective: Collective
  package let count: Int
  /// Where hosts combine their results afterwards, the rank of this host in whose part the host's
  /// result goes; nil if it goes to all.
  package let leader: Int?

  @inline(__always)
  package init(
    number: UInt64, signature: UInt64, collective: Collective, count: Int, leader: Int? = nil
  ) {
    self.number = number
    self.signature = signature
    self.collective = collective
    self.count = count
    self.leader = leader
  }

  /// Announces the call: from here on the others may read this rank's elements.
  @inline(__always)
  package func announce(_ lines: HostLines, place: Int = 0) {
    let line = lines.line(lines.rank, number)
    line.signature = signature
    line.place = place
    lines.raise(line.number, to: number)
  }

  /// Waits until a rank has announced the same call.
  @inline(__always)
  func await(_ owner: Int, _ lines: HostLines) throws(CallFailed) {
    let line = lines.line(owner, number)
    try lines.wait(for: line.number, toReach: number, of: owner)
    try check(line)
  }

  /// Compares this rank's call with another's.
  @inline(__always)
  func check(_ line: HostLines.CallLine) throws(CallFailed) {
    if line.signature != signature { throw CallFailed() }
  }
}
