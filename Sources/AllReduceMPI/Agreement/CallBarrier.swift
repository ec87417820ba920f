/// A barrier in which all ranks of a communicator check that they make the same call.
///
/// It is a dissemination barrier whose messages carry tickets: in round k a rank sends to the rank 2^k after it and
/// receives from the rank 2^k before it. It advances whenever this rank waits for anything. Cost: ⌈log₂ p⌉ messages of
/// 32 bytes per rank.
///
/// Hensgen, Finkel and Manber, "Two algorithms for barrier synchronization", 1988.
final class CallBarrier: InFlight {
  private let messages: MessageSet
  private let agreement: Agreement
  private let size: Int
  private let rank: Int
  private var ticket = Ticket(number: 0, running: 0)
  private var distance = 1
  private var underWay = 0
  private var isActive = false
  private(set) var failure: (any Error)?
  /// A description of the call that the ranks check, for errors.
  private(set) var summary = "a barrier"
  private var nothing: UInt8 = 0

  init(on communicator: Communicator) {
    messages = MessageSet(on: communicator, capacity: 2)
    agreement = communicator.agreement
    size = communicator.size
    rank = communicator.rank
  }

  var call: (agreement: Agreement, number: UInt64)? { (agreement, ticket.number) }
  var awaitedRanks: [Int] { messages.awaitedRanks }

  /// Begins the barrier for a call.
  func start(_ ticket: Ticket, _ summary: String) {
    self.ticket = ticket
    self.summary = summary
    failure = nil
    isActive = true
    distance = 1
    underWay = 0
    messages.useCurrentTally()
    messages.begin(ticket)
    attempt { try startRound() }
  }

  private func startRound() throws {
    underWay = 2
    let (before, after) = ((rank + size - distance) % size, (rank + distance) % size)
    try withUnsafeMutableBytes(of: &nothing) { nothing in
      let place = nothing.baseAddress.unsafelyUnwrapped
      try messages.receive(into: place, count: 0, from: Int32(before), message: 0, label: 0)
      try messages.send(place, count: 0, to: Int32(after), message: 0, label: 1)
    }
  }

  func advance() -> Bool {
    guard isActive else { return true }
    attempt {
      while try messages.nextFinished() != nil {
        underWay -= 1
        if underWay > 0 { continue }
        distance *= 2
        if distance >= size {
          isActive = false
          return
        }
        try startRound()
      }
    }
    return !isActive
  }

  private func attempt(_ work: () throws -> Void) {
    do {
      try work()
    } catch {
      failure = error
      isActive = false
    }
  }
}
