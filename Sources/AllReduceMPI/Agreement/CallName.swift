/// The name that the ranks of a communicator give to a call, so that equal calls in a different order are told apart.
///
/// A call carries the hash of its name; the text is kept for errors.
@usableFromInline
package enum CallName {
  /// The texts of names by their hashes; used only by the thread that calls MPI.
  nonisolated(unsafe) private static var texts: [UInt64: String] = [:]

  /// Returns the hash of a name; 0 for nil.
  @inlinable @inline(__always)
  package static func hash(of name: String?) -> UInt64 {
    if let name { return hash(ofText: name) }
    return 0
  }

  /// Returns the FNV-1a hash of the name's UTF-8, which is never 0, and keeps the text; 4,096 texts at most.
  @inline(never) @usableFromInline
  package static func hash(ofText name: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    if hash == 0 { hash = 1 }
    if texts[hash] == nil && texts.count < 4096 { texts[hash] = name }
    return hash
  }

  /// Returns the name of a bucket, made from a number that the bucket has on all ranks, without a text.
  @inlinable @inline(__always)
  package static func bucket(_ number: Int) -> UInt64 {
    bucketMark | UInt64(truncatingIfNeeded: number)
  }

  @usableFromInline
  static var bucketMark: UInt64 { 0xB0C4_E700_0000_0000 }

  /// Returns the text of the name with a hash; nil if this rank has not kept it.
  static func text(of hash: UInt64) -> String? {
    texts[hash] ?? bucketText(of: hash)
  }

  /// Returns the text of a bucket's name; nil for other names.
  static func bucketText(of hash: UInt64) -> String? {
    hash >> 40 == bucketMark >> 40 ? "bucket \(hash & 0xFF_FFFF_FFFF)" : nil
  }
}
