package import AllReduceMPI

/// One collective in shared memory, as the ranks of a host announce it to each other.
///
/// A rank writes the hash of all its calls into its call line, and then the number of the call. A rank that waits for
/// this number then compares the hash, so that ranks that disagree throw (``CallFailed``) before they access each
/// other's data.
package struct HostCall {
  /// The number of the call, counted over all calls in shared memory on this host.
  package let number: UInt64
  /// The hash of all calls up to this one, which must be the same on all ranks (``Ticket/running``).
  package let signature: UInt64
  package let collective: Collective
  package let count: Int
  /// If hosts combine their results afterwards, the rank of this host whose part gets the host's result; nil if all
  /// ranks' parts get the result.
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

  /// Announces the call; from now on, the other ranks may read this rank's elements.
  @inline(__always)
  package func announce(_ lines: HostLines, place: Int = 0) {
    let line = lines.line(lines.rank, number)
    line.signature = signature
    line.place = place
    lines.raise(line.number, to: number)
  }

  /// Waits until another rank has announced its call, and checks that it is the same as this one.
  @inline(__always)
  func await(_ owner: Int, _ lines: HostLines) throws(CallFailed) {
    let line = lines.line(owner, number)
    try lines.wait(for: line.number, toReach: number, of: owner)
    try check(line)
  }

  /// Checks that another rank's call is the same as this one; throws ``CallFailed`` if not.
  @inline(__always)
  func check(_ line: HostLines.CallLine) throws(CallFailed) {
    if line.signature != signature { throw CallFailed() }
  }
}
