/// A rank's message to all others when a generation of a communicator has failed: its last calls, the number of
/// messages that it sent to them, and its counters in shared memory.
struct Notice {
  /// A call of the sender, with the text of its name.
  struct RecentCall {
    let number: UInt64
    let running: UInt64
    let call: Call
    let name: String?
  }

  /// The sender, as a rank of the job.
  let sender: Int
  let generation: UInt64
  /// The number of the sender's last call.
  let lastNumber: UInt64
  /// The number of calls that the sender's program has made.
  let position: UInt64
  /// The number of messages that the sender sent to the receiver of the notice.
  let messagesSent: UInt64
  let host: HostLines.Counters
  /// Why the sender failed; nil if ranks made different calls, or if it learned of the failure from another rank.
  let reason: String?
  /// The sender's last calls of the generation, the latest first.
  let recent: [RecentCall]

  private enum Place {
    static let messagesSent = 5
    static let host = 6
    static let reason = 10
    static let recentCount = 43
    static let recent = 44
    static let position = 250
  }
  private static let wordsOfRecent = 11
  private static let mostRecent = 16

  /// Returns the part of a name that fits in a notice.
  private static func cut(_ name: String) -> String {
    String(decoding: Array(name.utf8.prefix(24)), as: UTF8.self)
  }

  /// Creates the notice of a rank, in which `messagesSent` is 0: that number differs for each receiver.
  init(
    sender: Int, generation: UInt64, lastNumber: UInt64, position: UInt64,
    host: HostLines.Counters, reason: String?, recent: [CallRecord.Entry]
  ) {
    self.sender = sender
    self.generation = generation
    self.lastNumber = lastNumber
    self.position = position
    self.messagesSent = 0
    self.host = host
    self.reason = reason
    self.recent = recent.prefix(Notice.mostRecent).map {
      RecentCall(
        number: $0.number, running: $0.running, call: $0.call,
        name: CallName.text(of: $0.call.name).map { Notice.cut($0) })
    }
  }

  init(_ message: ControlMessage) {
    sender = message.sender
    generation = message.generation
    lastNumber = message.number
    position = message.words[Place.position]
    messagesSent = message.words[Place.messagesSent]
    host = HostLines.Counters(
      call: message.words[Place.host], exchange: message.words[Place.host + 1],
      piece: message.words[Place.host + 2], barrier: message.words[Place.host + 3])
    let reason = message.text(at: Place.reason)
    self.reason = reason.isEmpty ? nil : reason
    let count = Int(min(message.words[Place.recentCount], UInt64(Notice.mostRecent)))
    recent = (0..<count).map { index in
      let place = Place.recent + index * Notice.wordsOfRecent
      let name = message.text(at: place + 7)
      return RecentCall(
        number: message.words[place], running: message.words[place + 1],
        call: message.call(at: place + 2), name: name.isEmpty ? nil : name)
    }
  }

  func write(to message: ControlMessage, communicator: UInt64, messagesSent: UInt64) {
    message.kind = .notice
    message.communicator = communicator
    message.generation = generation
    message.sender = sender
    message.number = lastNumber
    message.words[Place.position] = position
    message.words[Place.messagesSent] = messagesSent
    message.words[Place.host] = host.call
    message.words[Place.host + 1] = host.exchange
    message.words[Place.host + 2] = host.piece
    message.words[Place.host + 3] = host.barrier
    message.put(
      reason ?? "", at: Place.reason, wordCount: Place.recentCount - Place.reason)
    message.words[Place.recentCount] = UInt64(recent.count)
    for (index, entry) in recent.enumerated() {
      let place = Place.recent + index * Notice.wordsOfRecent
      message.words[place] = entry.number
      message.words[place + 1] = entry.running
      message.put(entry.call, at: place + 2)
      message.put(entry.name ?? "", at: place + 7, wordCount: 4)
    }
  }
}

extension [Notice] {
  /// The error that every rank throws, made from all notices: the same text on all ranks.
  var error: MPIError {
    let notices = sorted { $0.sender < $1.sender }
    if let (number, calls) = notices.firstDisagreement {
      var words: [String] = []
      for (text, ranks) in calls {
        words.append("\(describeRanks(ranks)) called \(text)")
      }
      return MPIError(
        operation: "call \(number) on this communicator",
        message: words.joined(separator: ", but ")
          + "; all ranks must make the same calls in the same order")
    }
    if let failed = notices.first(where: { $0.reason != nil }) {
      return MPIError(
        operation: "a call on this communicator",
        message: "rank \(failed.sender) has failed: \(failed.reason ?? "")")
    }
    return MPIError(
      operation: "a call on this communicator",
      message:
        "the ranks made different calls, so long ago that they are no longer recorded; all ranks must make the same "
        + "calls in the same order")
  }

  /// The first call that differs between ranks, with the ranks that made each variant of it.
  private var firstDisagreement: (number: UInt64, calls: [(text: String, ranks: [Int])])? {
    let numbers = Set(flatMap { $0.recent.map(\.number) }).sorted()
    for number in numbers {
      let made = compactMap { notice in
        notice.recent.first { $0.number == number }.map { (notice.sender, $0) }
      }
      guard Set(made.map(\.1.running)).count > 1 else { continue }
      var groups: [(call: Call, name: String?, ranks: [Int])] = []
      for (rank, entry) in made {
        if let index = groups.firstIndex(where: { $0.call == entry.call }) {
          groups[index].ranks.append(rank)
          groups[index].name = groups[index].name ?? entry.name
        } else {
          groups.append((entry.call, entry.name, [rank]))
        }
      }
      if groups.count == 1 { continue }
      return (number, groups.map { ($0.call.description(named: $0.name), $0.ranks) })
    }
    return nil
  }
}
