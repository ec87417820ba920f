package import AllReduceNN

/// A 64-bit checksum of bytes, such as those of a network's weights.
///
/// Equal bits give equal checksums, and a single changed bit always gives a different one, since every operation on a
/// word is invertible. It is not meant to detect deliberate forgery. Cost: one pass over the bytes.
package enum Checksum {
  /// Returns the checksum of the values of a network's parameters, without the padding between them.
  package static func of<Scalar: NetworkScalar>(_ network: Network<Scalar>) -> UInt64 {
    var sum = Running()
    for parameter in network.layout.parameters {
      sum.add(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(parameter.values.values)))
    }
    return sum.value
  }

  /// Returns the checksum of the values of a parameter: of this rank's shard, if it is sharded.
  static func of<Scalar: NetworkScalar>(_ parameter: Parameter<Scalar>) -> UInt64 {
    of(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(parameter.values.values)))
  }

  /// Returns the checksum of a text.
  static func of(_ text: String) -> UInt64 { Array(text.utf8).withUnsafeBytes { of($0) } }

  /// Returns the checksum of bytes.
  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum = Running()
    sum.add(bytes)
    return sum.value
  }

  /// Returns a checksum as sixteen hexadecimal digits.
  package static func text(_ checksum: UInt64) -> String {
    let digits = String(checksum, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// A checksum of consecutive bytes that are added piece by piece. Every piece but the last must be a multiple of 64
  /// bytes for the result to be that of the whole.
  ///
  /// It has eight independent lanes, so that the processor need not wait for one multiplication before the next.
  struct Running {
    private var lanes = SIMD8<UInt64>(repeating: 0x9E37_79B9_7F4A_7C15)

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
      var place = 0
      while place + 64 <= bytes.count {
        let words = bytes.loadUnaligned(fromByteOffset: place, as: SIMD8<UInt64>.self)
        lanes = mixed(lanes ^ words)
        place += 64
      }
      guard place < bytes.count else { return }
      var rest = SIMD8<UInt64>(repeating: 0)
      withUnsafeMutableBytes(of: &rest) {
        $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[place...]))
      }
      lanes = mixed(lanes ^ rest)
    }

    private func mixed(_ words: SIMD8<UInt64>) -> SIMD8<UInt64> {
      let product = words &* SIMD8(repeating: 0xD6E8_FEB8_6659_FD93)
      return product ^ (product &>> 32)
    }

    var value: UInt64 {
      var result: UInt64 = 0
      for lane in 0..<8 {
        result = (result ^ lanes[lane]) &* 0xFF51_AFD7_ED55_8CCD
        result ^= result >> 29
      }
      return result
    }
  }
}
