internal import AllReduceMPI

/// The state that every collective of a communicator needs on one host.
///
/// A value of addresses and numbers alone, in memory of its own, to which
/// ``Communicator/shortcut`` points where all ranks are on one host: a small reduction takes less time
/// than going through objects would.
struct HostPath {
  let lines: HostLines
  let counter: CallCounter
  let kernels = ReductionKernels.current
  /// The choices of `automatic`.
  let choices: Choices
  /// Whether collectives in arenas were started that may not have ended.
  var hasRuns = false
  /// The arena whose parts are known.
  var arena: UnsafeRawPointer?
  /// Its ``ArenaMemory/identity``.
  var arenaIdentity: UInt64 = 0
  /// Where its parts begin, in the order of the host's ranks.
  let parts: UnsafeMutablePointer<UnsafeMutableRawPointer>
  /// Room for one address for each rank.
  let elements: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(_ lines: HostLines, _ counter: CallCounter, _ choices: Choices) {
    self.lines = lines
    self.counter = counter
    self.choices = choices
    parts = .allocate(capacity: lines.size)
    elements = .allocate(capacity: lines.size)
  }

  func deallocate() {
    parts.deallocate()
    elements.deallocate()
  }
}

extension Communicator {
  /// The path on one host, if it has been made.
  @inline(__always)
  var hostPath: UnsafeMutablePointer<HostPath>? {
    shortcut.pointee?.assumingMemoryBound(to: HostPath.self)
  }

  /// The path on one host, made at the first call; waits until started collectives have ended.
  @inline(__always)
  func freePath() throws -> UnsafeMutablePointer<HostPath> {
    if let hostPath, !hostPath.pointee.hasRuns { return hostPath }
    return try makeFreePath()
  }

  @inline(never)
  private func makeFreePath() throws -> UnsafeMutablePointer<HostPath> {
    guard isOnOneHost else {
      throw MPIError(
        operation: "sharedMemory",
        message: "the \(size) ranks are on \(hosts.count) hosts, but memory can only be shared on "
          + "one; use hierarchical or automatic")
    }
    let state = CollectiveState.of(self)
    let path = state.host(of: self).path
    state.endHostRuns(self)
    return path
  }

  /// Whether all ranks can share memory.
  var isOnOneHost: Bool { hosts.count == 1 }
}
