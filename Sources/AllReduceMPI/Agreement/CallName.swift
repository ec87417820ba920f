/// A name that the ranks of a communicator give to a call, so that two equal calls in a different order
/// are told apart.
///
/// Calls carry its hash; the text is kept for errors.
@usableFromInline
package enum CallName {
  /// Texts by their hashes; used by the thread that owns MPI alone.
  nonisolated(unsafe) private static var texts: [UInt64: String] = [:]

  /// The hash of a name; 0 for none.
  @inlinable @inline(__always)
  package static func hash(of name: String?) -> UInt64 {
    if let name { return hash(ofText: name) }
    return 0
  }

  /// FNV-1a over the name's UTF-8, never 0. Keeps the first 4,096 texts.
  @inline(never) @usableFromInline
  package static func hash(ofText name: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    if hash == 0 { hash = 1 }
    if texts[hash] == nil && texts.count < 4096 { texts[hash] = name }
    return hash
  }

  /// The name of a bucket, by a number that it has on all ranks: made without a text.
  @inlinable @inline(__always)
  package static func bucket(_ number: Int) -> UInt64 {
    bucketMark | UInt64(truncatingIfNeeded: number)
  }

  @usableFromInline
  static var bucketMark: UInt64 { 0xB0C4_E700_0000_0000 }

  /// The text that a hash was made of, if this rank has used it.
  static func text(of hash: UInt64) -> String? {
    texts[hash] ?? bucketText(of: hash)
  }

  /// The text of a bucket's name; nil for others.
  static func bucketText(of hash: UInt64) -> String? {
    hash >> 40 == bucketMark >> 40 ? "bucket \(hash & 0xFF_FFFF_FFFF)" : nil
  }
}
