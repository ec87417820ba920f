internal import AllReduceMPI

/// An order to a server of vectors: six words.
struct VectorOrder {
  enum Kind: Int64 {
    case clear = 1, copy, add, scale, multiply
    /// Answer with this shard's part of a dot product.
    case dot
    /// Send the shard of a vector to the rank that asks.
    case read
    /// Take the shard of a vector, which follows, in place of what is there.
    case write
    /// Add the shard of a vector, which follows, and say so.
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

/// The tags of messages of ``Sandblaster``.
enum VectorTag {
  static let order = 1
  static let answer = 2
  static let values = 3
  static let report = 4
  static let work = 5
}
