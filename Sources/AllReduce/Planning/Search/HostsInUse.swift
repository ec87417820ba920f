package import AllReduceMPI

/// The division of a job's hosts into the first ones, which train, and the others, which a plan leaves idle. Idle ranks
/// sleep, and now and then receive a message that the training ranks are alive.
package final class HostsInUse {
  /// The communicator of the ranks that train; nil on idle ranks.
  package let ranks: Communicator?

  private let world: Communicator
  private let idle: [Int]
  private var told: UInt64 = 0

  /// The content of a message to idle ranks: training continues, or has ended.
  private enum Word: Int32 {
    case alive = 1, ended
    /// From an idle rank: it was asked to stop the job.
    case stop
  }

  private static let tag = 77
  /// The smallest number of nanoseconds from one heartbeat to the next.
  private static let interval: UInt64 = 1_000_000_000

  /// Divides the ranks into training and idle ones. Collective.
  ///
  /// - Parameters:
  ///   - count: The number of hosts that train.
  ///   - world: All ranks.
  /// - Throws: ``MPIError``.
  package init(_ count: Int, over world: Communicator) throws {
    self.world = world
    let used = Set(world.hosts.prefix(count).flatMap { $0 })
    idle = (0..<world.size).filter { !used.contains($0) }
    ranks = try world.split(optionalColor: used.contains(world.rank) ? 0 : nil)
  }

  /// Tells idle ranks that the training ranks are alive, and reads what they ask for. To be called after each step; only
  /// rank 0 sends and reads, at most once per second.
  ///
  /// - Returns: ``StepRequest/stop`` if an idle rank was asked to stop the job.
  package func exchangeSigns() throws -> StepRequest {
    guard world.rank == 0, monotonicNanoseconds() - told > HostsInUse.interval else { return .none }
    told = monotonicNanoseconds()
    try tell(.alive)
    return try read()
  }

  /// Tells idle ranks that training has ended. Only rank 0 sends.
  package func end() throws {
    guard world.rank == 0 else { return }
    try tell(.ended)
    _ = try read()
  }

  /// Reads the messages of idle ranks, on rank 0.
  private func read() throws -> StepRequest {
    var request = StepRequest.none
    for rank in idle where try world.probeIfAvailable(from: rank, tag: HostsInUse.tag) != nil {
      var word: [Int32] = [0]
      try world.receive(into: &word, from: rank, tag: HostsInUse.tag)
      request = .stop
    }
    return request
  }

  private func tell(_ word: Word) throws {
    for rank in idle { try world.send([word.rawValue], to: rank, tag: HostsInUse.tag) }
  }

  /// Waits, on an idle rank, until training has ended.
  ///
  /// - Parameter passesOn: Whether signals that ask training to stop are passed on to rank 0, which tells the ranks that
  ///   train; otherwise they end this process.
  /// - Throws: ``MPIError``.
  package func waitUntilEnd(passingOnRequests passesOn: Bool = false) throws {
    let requests =
      passesOn ? RunRequests(folder: nil, isDue: { _ in false }, isWriting: { false }) : nil
    var isPassedOn = false
    var wait = PatientWait(on: world)
    var heard = monotonicNanoseconds()
    while true {
      if !isPassedOn, requests?.now(.now) == .stop {
        isPassedOn = true
        try world.send([Word.stop.rawValue], to: 0, tag: HostsInUse.tag)
      }
      guard try world.probeIfAvailable(from: 0, tag: HostsInUse.tag) != nil else {
        wait.rest(heard: heard, of: [0], "a rank that the plan leaves idle")
        continue
      }
      var word = [Int32](repeating: 0, count: 1)
      try world.receive(into: &word, from: 0, tag: HostsInUse.tag)
      heard = monotonicNanoseconds()
      wait.wake()
      if word[0] == Word.ended.rawValue { return }
    }
  }
}
