internal import AllReduceMPI

/// The state that every collective of a communicator needs on one host.
///
/// The value has only addresses and numbers, and is in memory of its own, to which ``Communicator/shortcut`` points if
/// all ranks are on one host. A small reduction is faster with it than with objects.
struct HostPath {
  let lines: HostLines
  let counter: CallCounter
  let kernels = ReductionKernels.current
  /// The algorithms that `automatic` chooses on this communicator.
  let choices: Choices
  /// Whether arena collectives were started that may not have completed yet.
  var hasRuns = false
  /// The address of the arena whose parts are known; nil if there is none.
  var arena: UnsafeRawPointer?
  /// The ``ArenaMemory/identity`` of the arena whose parts are known.
  var arenaIdentity: UInt64 = 0
  /// Where each rank's part of that arena begins, in the order of the host's ranks.
  let parts: UnsafeMutablePointer<UnsafeMutableRawPointer>
  /// Memory for one address per rank.
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
  /// The path of this communicator, if all ranks are on one host and the path has been created; otherwise nil.
  @inline(__always)
  var hostPath: UnsafeMutablePointer<HostPath>? {
    shortcut.pointee?.assumingMemoryBound(to: HostPath.self)
  }

  /// Returns the path of this communicator, whose ranks must be on one host; creates it at the first call. First waits
  /// until started collectives have completed.
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

  /// Whether all ranks are on one host, and so can share memory.
  var isOnOneHost: Bool { hosts.count == 1 }
}
