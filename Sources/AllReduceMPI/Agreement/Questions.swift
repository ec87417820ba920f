/// A question of a waiting rank to another rank: has that rank made this call, and what does it wait for itself?
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

/// A call in which a rank waits, and the ranks that it waits for.
struct BlockedCall: Equatable {
  let communicator: UInt64
  let number: UInt64
  let call: Call
  /// The world ranks that the rank waits for, up to 16.
  let awaited: [Int]
  /// The number of the rank's wait, which grows with each wait.
  let serial: UInt64
}

/// A rank's answer to a ``Question``.
struct Answer {
  enum Standing: UInt64 {
    /// The rank has not made the call.
    case notCalled = 1
    /// The rank has made the call and waits in it for the ranks ``Answer/awaited``.
    case underWay
    /// The rank has finished the call.
    case finished
  }

  let sender: Int
  let communicator: UInt64
  let number: UInt64
  let standing: Standing
  let awaited: [Int]
  /// The call in which the rank waits now; nil if it is in no long wait.
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
