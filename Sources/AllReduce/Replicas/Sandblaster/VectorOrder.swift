internal import AllReduceMPI

/// An order to a server of vectors: six 64-bit words.
struct VectorOrder {
  enum Kind: Int64 {
    case clear = 1, copy, add, scale, multiply
    /// Reply with the dot product of this server's shards of two vectors.
    case dot
    /// Send this server's shard of a vector to the rank that sent the order.
    case read
    /// Replace this server's shard of a vector with the values that follow the order.
    case write
    /// Add the values that follow the order to this server's shard of a vector, and confirm.
    case gather
    case stop
  }

  static let wordCount = 6

  var kind: Kind
  var source = 0
  var target = 0
  var factor = 0.0

  init(_ kind: Kind, _ source: Int = 0, _ target: Int = 0, factor: Double = 0) {
    (self.kind, self.source, self.target, self.factor) = (kind, source, target, factor)
  }

  init?(words: [Int64]) {
    guard let kind = Kind(rawValue: words[0]) else { return nil }
    self.init(
      kind, Int(words[1]), Int(words[2]),
      factor: Double(bitPattern: UInt64(bitPattern: words[3])))
  }

  var words: [Int64] {
    [
      kind.rawValue, Int64(source), Int64(target), Int64(bitPattern: factor.bitPattern), 0, 0,
    ]
  }
}

/// The tags of the messages of ``Sandblaster``.
enum VectorTag {
  static let order = 1
  static let answer = 2
  static let values = 3
  static let report = 4
  static let work = 5
}
