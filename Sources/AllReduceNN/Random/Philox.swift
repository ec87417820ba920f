#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A counter-based random number generator: computes any number of a sequence directly from its index.
///
/// It has no internal state, so a process computes just the numbers of its own examples, and an example gets the same
/// numbers whatever the number of processes. The seed and a stream select a sequence; the sequences of different
/// streams are independent. The functions are pure.
///
/// This is Philox4x32 with ten rounds, of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
/// as easy as 1, 2, 3" (SC 2011). A block costs about 20 integer multiplications.
package struct Philox: Hashable, Sendable {
  /// The seed, which is the cipher's key.
  package let seed: UInt64

  /// Creates the generator for a seed.
  package init(seed: UInt64) {
    self.seed = seed
  }

  /// Returns the 128 random bits at an index of a stream.
  package func block(at index: UInt64, stream: UInt64 = 0) -> SIMD4<UInt32> {
    Philox.encrypt(
      SIMD4(
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// Returns a number drawn uniformly from 0 up to, but not including, 1, with 53 random bits.
  package func uniform(at index: UInt64, stream: UInt64 = 0) -> Double {
    let bits = block(at: index, stream: stream)
    return Double(Philox.joined(bits.x, bits.y) >> 11) * 0x1p-53
  }

  /// Returns a number drawn from the normal distribution with mean 0 and standard deviation 1.
  ///
  /// It uses the same bits as ``uniform(at:stream:)``: use different streams where both are needed. The method is Box
  /// and Muller's; only one number of each pair is used.
  ///
  /// - Parameters:
  ///   - index: The index in the sequence.
  ///   - stream: The stream that selects the sequence.
  /// - Returns: The number, which is always the same for the same seed, stream and index.
  package func gaussian(at index: UInt64, stream: UInt64 = 0) -> Double {
    let bits = block(at: index, stream: stream)
    // One is added so that the logarithm never sees zero.
    let radius = Double((Philox.joined(bits.x, bits.y) >> 11) + 1) * 0x1p-53
    let turn = Double(Philox.joined(bits.z, bits.w) >> 11) * 0x1p-53
    return (-2 * log(radius)).squareRoot() * cos(2 * Double.pi * turn)
  }

  /// Computes 128 random bits from a counter and a key, with ten rounds of the cipher.
  package static func encrypt(_ counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (a, b, c, d) = (counter.x, counter.y, counter.z, counter.w)
    var (low, high) = (key.x, key.y)
    for _ in 0..<10 {
      let first = (0xD251_1F53 as UInt32).multipliedFullWidth(by: a)
      let second = (0xCD9E_8D57 as UInt32).multipliedFullWidth(by: c)
      (a, b, c, d) = (second.high ^ b ^ low, second.low, first.high ^ d ^ high, first.low)
      low &+= 0x9E37_79B9
      high &+= 0xBB67_AE85
    }
    return SIMD4(a, b, c, d)
  }

  private static func joined(_ high: UInt32, _ low: UInt32) -> UInt64 {
    (UInt64(high) << 32) | UInt64(low)
  }
}
