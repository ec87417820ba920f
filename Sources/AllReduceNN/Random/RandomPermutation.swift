/// A random order of `count` things that is computed, not stored.
///
/// Where an example stands in an epoch's order is a function of the seed, the epoch and the
/// example, so each process finds the places of its own examples alone, without memory for the
/// others' and without messages. A place costs four rounds of a Feistel network, on average at most
/// four times (the network permutes a power of four; places beyond the count are walked past).
package struct RandomPermutation: Sendable {
  /// How many things are put in order.
  package let count: Int

  private let halfBits: UInt64
  private let keys: SIMD4<UInt64>

  /// Creates the order that belongs to a seed and a stream, such as an epoch.
  ///
  /// - Parameters:
  ///   - count: How many things are put in order.
  ///   - seed: The seed of the run.
  ///   - stream: Orders of different streams are independent.
  /// - Precondition: The count is not negative.
  package init(count: Int, seed: UInt64, stream: UInt64) {
    precondition(count >= 0, "a permutation has 0 or more elements, not \(count)")
    self.count = count
    // At least 64 places: on fewer a Feistel network reaches only a part of all orders.
    var bits: UInt64 = 3
    while count > 1 << (2 * bits) { bits += 1 }
    halfBits = bits
    let generator = Philox(seed: seed)
    var keys = SIMD4<UInt64>()
    for half in 0..<2 {
      // Far away from the indices that examples use.
      let block = generator.block(at: .max - UInt64(half), stream: stream)
      keys[2 * half] = (UInt64(block.x) << 32) | UInt64(block.y)
      keys[2 * half + 1] = (UInt64(block.z) << 32) | UInt64(block.w)
    }
    self.keys = keys
  }

  /// The place, from 0, at which a thing stands in the order.
  ///
  /// - Parameter index: The thing, from 0.
  /// - Returns: A place below ``count``; no two things have the same.
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

  /// Spreads every bit over the word, by multiplication and shifts.
  private func mixed(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    let folded = product.high ^ product.low
    return ((folded ^ (folded >> 29)) &* 0xD6E8_FEB8_6659_FD93) >> 32
  }
}
