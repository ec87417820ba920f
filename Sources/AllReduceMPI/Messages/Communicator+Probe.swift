internal import CMPI

extension Communicator {
  /// Waits until a message can be received and describes it, without receiving it.
  ///
  /// Messages that a started receive takes are not found.
  ///
  /// - Parameters:
  ///   - source: The sender's rank; nil for any.
  ///   - tag: The message's tag; nil for any.
  /// - Returns: The message's sender, tag and size.
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iprobe`, while everything in flight makes progress.
  public func probe(from source: Int? = nil, tag: Int? = nil) throws -> MessageInfo {
    let probe = Probe(self, source: source, tag: tag)
    try engine.wait(for: probe)
    return probe.found!
  }

  /// Returns the description of a message that could be received now, or nil if there is none. Messages that a started
  /// receive takes are not found.
  ///
  /// - Throws: ``MPIError``.
  ///
  /// `MPI_Iprobe`
  public func probeIfAvailable(from source: Int? = nil, tag: Int? = nil) throws -> MessageInfo? {
    let probe = Probe(self, source: source, tag: tag)
    repeat {
      engine.poll()
      _ = probe.advance()
    } while probe.foundClaimed
    if let failure = probe.failure { throw failure }
    return probe.found
  }

  /// Looks for a message without receiving it.
  private final class Probe: InFlight {
    private let communicator: Communicator
    private let source: Int32
    private let tag: Int32
    private(set) var found: MessageInfo?
    /// Whether the last probe found a message that a started receive takes when it advances next.
    private(set) var foundClaimed = false
    private(set) var failure: (any Error)?

    init(_ communicator: Communicator, source: Int?, tag: Int?) {
      self.communicator = communicator
      self.source = communicator.sourceConstant(source)
      self.tag = communicator.tagConstant(tag)
    }

    var summary: String { "probe" }
    var awaitedRanks: [Int] { communicator.awaitedRanks(of: source) }

    func advance() -> Bool {
      var flag: Int32 = 0
      var status = MPI_Status()
      foundClaimed = false
      let code = MPI_Iprobe(source, tag, communicator.handle, &flag, &status)
      if code != MPI_SUCCESS {
        failure = MPIError("MPI_Iprobe", code: code)
        return true
      }
      if flag == 0 { return false }
      let message = MessageInfo(status)
      foundClaimed = communicator.receives.claims(message)
      if foundClaimed { return false }
      found = message
      return true
    }
  }
}
