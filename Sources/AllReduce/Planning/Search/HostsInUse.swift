package import AllReduceMPI

/// The first hosts of a job, which train, and the others, which a plan leaves idle: these sleep, and hear now and then
/// that the others are alive.
package final class HostsInUse {
  /// The ranks that train; nil on the others.
  package let ranks: Communicator?

  private let world: Communicator
  private let idle: [Int]
  private var told: UInt64 = 0

  /// The contents of the messages: training goes on, or has ended.
  private enum Word: Int32 {
    case alive = 1, ended
  }

  private static let tag = 77
  /// Nanoseconds from one sign of life to the next.
  private static let interval: UInt64 = 1_000_000_000

  /// Divides the ranks. Collective.
  ///
  /// - Parameters:
  ///   - count: How many hosts train.
  ///   - world: All ranks.
  /// - Throws: ``MPIError``.
  package init(_ count: Int, over world: Communicator) throws {
    self.world = world
    let used = Set(world.hosts.prefix(count).flatMap { $0 })
    idle = (0..<world.size).filter { !used.contains($0) }
    ranks = try world.split(optionalColor: used.contains(world.rank) ? 0 : nil)
  }

  /// Lets idle ranks know that the others are alive: after each step; rank 0 sends once a second at most.
  package func sendHeartbeat() throws {
    guard world.rank == 0, monotonicNanoseconds() - told > HostsInUse.interval else { return }
    told = monotonicNanoseconds()
    try tell(.alive)
  }

  /// Lets idle ranks go.
  package func end() throws {
    if world.rank == 0 { try tell(.ended) }
  }

  private func tell(_ word: Word) throws {
    for rank in idle { try world.send([word.rawValue], to: rank, tag: HostsInUse.tag) }
  }

  /// On an idle rank: returns when the others have ended.
  package func waitUntilEnd() throws {
    var wait = PatientWait(on: world)
    var heard = monotonicNanoseconds()
    while true {
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
