/// A worker's message to a server: eight 64-bit words. After a push to a server on a different host, the pushed numbers
/// follow in another message.
struct ServerRequest: Equatable {
  enum Kind: Int64 {
    /// Apply the numbers in one of the worker's buffers.
    case push = 1
    /// Advance the worker's clock without applying any numbers.
    case tick
    /// Send the weights, once the staleness bound allows it.
    case read
    /// Send the number of the next batch.
    case claim
    /// The worker is alive and computing.
    case alive
    /// The worker has finished its part of the segment.
    case end
  }

  static let wordCount = 8

  var kind: Kind
  /// For a push or a tick, its number, from 1; for a read, the clock at which the weights are first used; for a claim,
  /// the worker's request to save or stop at the end of a step (``StepRequest``).
  var number = 0
  /// For a push, the number of the worker's buffer.
  var buffer = 0
  /// For a push, the number of other workers' updates in the weights from which it was computed.
  var seen = 0
  /// For a read, the number of pushes that every worker must have made.
  var need = 0
  /// For a push, its learning rate and (`scale`) the factor by which its numbers are multiplied.
  var rate = 0.0
  var scale = 1.0

  init(_ kind: Kind) { self.kind = kind }

  init?(words: [Int64]) {
    guard let kind = Kind(rawValue: words[0]) else { return nil }
    self.kind = kind
    (number, buffer, seen, need) = (
      Int(words[1]), Int(words[2]), Int(words[3]), Int(words[4])
    )
    rate = Double(bitPattern: UInt64(bitPattern: words[5]))
    scale = Double(bitPattern: UInt64(bitPattern: words[6]))
  }

  var words: [Int64] {
    [
      kind.rawValue, Int64(number), Int64(buffer), Int64(seen), Int64(need),
      Int64(bitPattern: rate.bitPattern), Int64(bitPattern: scale.bitPattern), 0,
    ]
  }
}

/// A server's message to a worker: eight 64-bit words. Weights for a worker on a different host follow in another
/// message.
struct ServerReply: Equatable {
  enum Kind: Int64 {
    /// A push has been applied; its buffer is free.
    case applied = 1
    /// The weights are in the worker's buffer, or follow.
    case weights
    /// The number of a batch; -1 if no batch is left.
    case batch
    /// The server is alive, and so are the ranks that it waits for.
    case alive
    /// All workers have finished the segment.
    case over
  }

  var kind: Kind
  /// For a push, its number; for weights, their version; for a batch, its number.
  var number = 0
  /// For a push, its staleness; for weights, the number of other workers' updates in them.
  var others = 0
  /// For weights, the number of the worker's own pushes in them.
  var included = 0
  /// The server's request to save or stop at the end of a step.
  var stepRequest = StepRequest.none

  init(_ kind: Kind, number: Int = 0, others: Int = 0, included: Int = 0) {
    (self.kind, self.number, self.others, self.included) = (kind, number, others, included)
  }

  init?(words: [Int64]) {
    guard let kind = Kind(rawValue: words[0]) else { return nil }
    self.init(kind, number: Int(words[1]), others: Int(words[2]), included: Int(words[3]))
    stepRequest = StepRequest(sum: Int(words[4]))
  }

  var words: [Int64] {
    [
      kind.rawValue, Int64(number), Int64(others), Int64(included), Int64(stepRequest.sum), 0, 0, 0,
    ]
  }
}

/// The tags of messages between workers and servers.
enum ServerTag {
  static let request = 1
  static let reply = 2
  static let push = 3
  static let weights = 4
}
