/// A random permutation of `count` elements that is computed, not stored.
///
/// An example's place in an epoch's order is a function of the seed, the epoch and the example, so each process finds
/// the places of its own examples alone, without memory for other processes' examples and without messages. A place
/// costs a Feistel network of four rounds, which permutes the numbers below a power of four. The network is applied
/// again while its result is `count` or more: at most four times on average, if `count` is 16 or more.
package struct RandomPermutation: Sendable {
  /// The number of elements in the permutation.
  package let count: Int

  private let halfBits: UInt64
  private let keys: SIMD4<UInt64>

  /// Creates the permutation for a seed and a stream, such as an epoch.
  ///
  /// - Parameters:
  ///   - count: The number of elements to permute.
  ///   - seed: The seed of the run.
  ///   - stream: The stream; the permutations of different streams are independent.
  /// - Precondition: `count` is not negative.
  package init(count: Int, seed: UInt64, stream: UInt64) {
    precondition(count >= 0, "the number of elements must be 0 or more, not \(count)")
    self.count = count
    // At least 64 places: on fewer a Feistel network reaches only a part of all orders.
    var bits: UInt64 = 3
    while count > 1 << (2 * bits) { bits += 1 }
    halfBits = bits
    let generator = Philox(seed: seed)
    var keys = SIMD4<UInt64>()
    for half in 0..<2 {
      // These indices are far from those that examples use.
      let block = generator.block(at: .max - UInt64(half), stream: stream)
      keys[2 * half] = (UInt64(block.x) << 32) | UInt64(block.y)
      keys[2 * half + 1] = (UInt64(block.z) << 32) | UInt64(block.w)
    }
    self.keys = keys
  }

  /// Returns an element's place in the permutation, from 0.
  ///
  /// - Parameter index: The index of the element, from 0.
  /// - Returns: A place below ``count``; no two elements have the same place.
  /// - Precondition: The index is within 0..<``count``.
  package func place(of index: Int) -> Int {
    precondition(index >= 0 && index < count, "index \(index) is outside 0..<\(count)")
    var value = UInt64(index)
    repeat { value = shuffled(value) } while value >= UInt64(count)
    return Int(value)
  }

  private func shuffled(_ value: UInt64) -> UInt64 {
    let mask: UInt64 = (1 << halfBits) - 1
    var left = value >> halfBits
    var right = value & mask
    for round in 0..<4 {
      (left, right) = (right, left ^ (mixed(right ^ keys[round]) & mask))
    }
    return (left << halfBits) | right
  }

  /// Spreads the influence of every bit over the word, by multiplication and shifts.
  private func mixed(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    let folded = product.high ^ product.low
    return ((folded ^ (folded >> 29)) &* 0xD6E8_FEB8_6659_FD93) >> 32
  }
}
