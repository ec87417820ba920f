/// A question of a waiting rank to another: has it made this call, and what does it wait for itself?
struct Question: Equatable {
  let sender: Int
  let communicator: UInt64
  let generation: UInt64
  let number: UInt64
  let running: UInt64

  init(sender: Int, communicator: UInt64, generation: UInt64, number: UInt64, running: UInt64) {
    self.sender = sender
    self.communicator = communicator
    self.generation = generation
    self.number = number
    self.running = running
  }

  init(_ message: ControlMessage) {
    self.init(
      sender: message.sender, communicator: message.communicator, generation: message.generation,
      number: message.number, running: message.words[5])
  }

  func write(to message: ControlMessage) {
    message.kind = .question
    message.communicator = communicator
    message.generation = generation
    message.number = number
    message.words[5] = running
  }
}

/// A call that a rank waits in, and for which ranks.
struct BlockedCall: Equatable {
  let communicator: UInt64
  let number: UInt64
  let call: Call
  /// World ranks, up to 16.
  let awaited: [Int]
  /// A number that grows with each wait of the rank.
  let serial: UInt64
}

/// A rank's answer to a ``Question``.
struct Answer {
  enum Standing: UInt64 {
    /// It has not made that call.
    case notCalled = 1
    /// It has, and waits for ``Answer/awaited`` in it.
    case underWay
    /// It has finished it.
    case finished
  }

  let sender: Int
  let communicator: UInt64
  let number: UInt64
  let standing: Standing
  let awaited: [Int]
  /// The collective that it waits in now; nil where it waits for something else.
  let blocked: BlockedCall?

  init(
    sender: Int, communicator: UInt64, number: UInt64, standing: Standing, awaited: [Int],
    blocked: BlockedCall?
  ) {
    self.sender = sender
    self.communicator = communicator
    self.number = number
    self.standing = standing
    self.awaited = awaited
    self.blocked = blocked
  }

  private enum Place {
    static let standing = 5
    static let awaited = 6
    static let isBlocked = 23
    static let communicator = 24
    static let number = 25
    static let call = 26
    static let serial = 31
    static let blockedAwaited = 32
  }

  init(_ message: ControlMessage) {
    let words = message.words
    self.init(
      sender: message.sender, communicator: message.communicator, number: message.number,
      standing: Standing(rawValue: words[Place.standing]) ?? .finished,
      awaited: message.ranks(at: Place.awaited),
      blocked: words[Place.isBlocked] == 0
        ? nil
        : BlockedCall(
          communicator: words[Place.communicator], number: words[Place.number],
          call: message.call(at: Place.call),
          awaited: message.ranks(at: Place.blockedAwaited), serial: words[Place.serial]))
  }

  func write(to message: ControlMessage) {
    message.kind = .answer
    message.communicator = communicator
    message.number = number
    message.words[Place.standing] = standing.rawValue
    message.put(awaited, at: Place.awaited)
    guard let blocked else { return }
    message.words[Place.isBlocked] = 1
    message.words[Place.communicator] = blocked.communicator
    message.words[Place.number] = blocked.number
    message.put(blocked.call, at: Place.call)
    message.words[Place.serial] = blocked.serial
    message.put(blocked.awaited, at: Place.blockedAwaited)
  }
}
