import AllReduceMPI
import CKernels
import TestSupport
import XCTest

/// The conversions: the plain ones against a search among all 16-bit numbers, and what this processor
/// has in addition against the plain ones.
final class WireKernelTests: XCTestCase {
  private let formats: [WireFormat] = [.bfloat16, .float16]

  private func kernel(
    _ format: WireFormat, _ level: ProcessorLevel = .scalar
  ) throws -> WireKernel {
    try XCTUnwrap(WireKernel(format, level))
  }

  private func encode(_ kernel: WireKernel, _ values: [Float]) -> [UInt16] {
    var result = [UInt16](repeating: 0xAAAA, count: values.count)
    result.withUnsafeMutableBytes { result in
      values.withUnsafeBytes {
        kernel.encode($0.baseAddress!, to: result.baseAddress!, count: values.count)
      }
    }
    return result
  }

  private func decode(_ kernel: WireKernel, _ values: [UInt16]) -> [Float] {
    var result = [Float](repeating: -1, count: values.count)
    result.withUnsafeMutableBytes { result in
      values.withUnsafeBytes {
        kernel.decode($0.baseAddress!, to: result.baseAddress!, count: values.count)
      }
    }
    return result
  }

  private func round(_ kernel: WireKernel, _ values: [Float]) -> [Float] {
    var result = values
    result.withUnsafeMutableBytes { kernel.round($0.baseAddress!, count: values.count) }
    return result
  }

  private func combine(
    _ kernel: WireKernel, _ operation: ReductionOperation, _ values: [Float], _ other: [UInt16]
  ) -> [Float] {
    var result = values
    result.withUnsafeMutableBytes { result in
      other.withUnsafeBytes {
        kernel.combine(
          result.baseAddress!, $0.baseAddress!, count: values.count, by: .of(operation, .float))
      }
    }
    return result
  }

  /// What a 16-bit pattern stands for, worked out from its fields.
  private func value(_ bits: UInt16, _ format: WireFormat) -> Double {
    let (places, bias) = format == .bfloat16 ? (7, 127) : (10, 15)
    let size = Int(bits & 0x7FFF)
    let (exponent, fraction) = (size >> places, size & (1 << places - 1))
    let sign: Double = bits & 0x8000 == 0 ? 1 : -1
    if exponent == 2 * bias + 1 { return fraction == 0 ? sign * .infinity : .nan }
    let significand = Double(exponent == 0 ? fraction : fraction | 1 << places)
    return sign
      * Double(sign: .plus, exponent: max(exponent, 1) - bias - places, significand: significand)
  }

  /// Floats at and around every boundary: all 16-bit numbers, the middles between neighbours, and the
  /// floats next to both; specials; random bits.
  private func samples(_ format: WireFormat) -> [Float] {
    var samples: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, -.nan, .signalingNaN, Float(nan: 5, signaling: false),
      .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude,
      .leastNormalMagnitude, -.leastNonzeroMagnitude, 65504, 65519.996, 65520, 65535, 65536,
      0x1p-24, 0x1p-25, 0x1.000002p-25, -0x1p-25, 0x1p-26, 0x1p-14, 0x1.ffcp-15, 0x1.ffep-15,
      Float(bitPattern: 0x7F7F_7FFF), Float(bitPattern: 0x7F7F_8000),
    ]
    for bits in UInt16.min..<0x7F80 where format == .bfloat16 || bits < 0x7C00 {
      let (low, high) = (value(bits, format), value(bits + 1, format))
      let middle = Float((low + (high.isFinite ? high : low + value(1, format))) / 2)
      for sample in [Float(low), middle] {
        samples += [sample, sample.nextUp, sample.nextDown, -sample, -sample.nextUp]
      }
    }
    var state: UInt64 = 88_172_645_463_325_252
    for _ in 0..<200_000 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      samples.append(Float(bitPattern: UInt32(truncatingIfNeeded: state >> 16)))
    }
    return samples
  }

  /// Every 16-bit number is what its fields say, and comes back from 32 bits as it was.
  func testAll16BitNumbersDecode() throws {
    let all = Array(UInt16.min...UInt16.max)
    for format in formats {
      let plain = try kernel(format)
      let decoded = decode(plain, all)
      for bits in all {
        let expected = value(bits, format)
        let found = decoded[Int(bits)]
        if expected.isNaN {
          XCTAssertTrue(found.isNaN)
        } else if found.bitPattern != Float(expected).bitPattern {
          XCTFail("\(format) \(String(bits, radix: 16)): \(found), not \(expected)")
        }
      }
      let quietNaN: UInt16 = format == .bfloat16 ? 0x7FC0 : 0x7E00
      let back = encode(plain, decoded)
      for bits in all where back[Int(bits)] != (value(bits, format).isNaN ? quietNaN : bits) {
        XCTFail("\(format) \(String(bits, radix: 16)) comes back as \(back[Int(bits)])")
      }
    }
  }

  /// Numbers go to the nearest 16-bit number, of two equally near ones to the even one.
  func testNearestEven() throws {
    for format in formats {
      let infinity: UInt16 = format == .bfloat16 ? 0x7F80 : 0x7C00
      let sizes = (0..<infinity).map { value($0, format) }
      // Infinity stands where the next number would.
      let ladder = sizes + [2 * sizes[sizes.count - 1] - sizes[sizes.count - 2]]
      let samples = samples(format)
      let encoded = encode(try kernel(format), samples)
      var wrong = 0
      for (sample, found) in zip(samples, encoded) where !sample.isNaN {
        let size = Double(sample.magnitude)
        var (low, high) = (0, ladder.count - 1)
        if size >= ladder[high] {
          low = high
        } else {
          while high - low > 1 {
            let middle = (low + high) / 2
            if ladder[middle] <= size { low = middle } else { high = middle }
          }
          let (below, above) = (size - ladder[low], ladder[high] - size)
          if above < below || (above == below && high % 2 == 0) { low = high }
        }
        let expected = UInt16(low) | (sample.sign == .minus ? 0x8000 : 0)
        if found != expected {
          wrong += 1
          if wrong < 5 { XCTFail("\(sample) as \(format) is \(found), not \(expected)") }
        }
      }
      XCTAssertEqual(wrong, 0)
    }
  }

  /// All levels give the same bits, for ranges of any length.
  func testLevelsAgree() throws {
    let levels = ProcessorLevel.available.filter { $0 != .scalar }
    if levels.isEmpty { throw XCTSkip("this processor has only the scalar level") }
    for level in levels {
      for format in formats {
        let fast = try kernel(format, level)
        let plain = try kernel(format)
        let samples = samples(format)
        let all = Array(UInt16.min...UInt16.max)
        XCTAssertEqual(encode(fast, samples), encode(plain, samples), "\(level.name), \(format)")
        XCTAssertEqual(
          decode(fast, all).map(\.bitPattern), decode(plain, all).map(\.bitPattern),
          "\(level.name), \(format)")
        XCTAssertEqual(
          round(fast, samples).map(\.bitPattern), round(plain, samples).map(\.bitPattern),
          "\(level.name), \(format)")
        let others = (0..<samples.count).map { all[$0 * 40_503 % all.count] }
        for operation in ReductionOperation.allCases {
          XCTAssertEqual(
            combine(fast, operation, samples, others).map(\.bitPattern),
            combine(plain, operation, samples, others).map(\.bitPattern),
            "\(operation), \(level.name), \(format)")
        }
        for count in 0...70 {
          let few = Array(samples[1000..<1000 + count])
          XCTAssertEqual(encode(fast, few), encode(plain, few))
          XCTAssertEqual(round(fast, few), round(plain, few))
        }
      }
    }
  }

  /// Rounding is what a receiver makes of the number, and adding is adding that.
  func testRoundingAndCombining() throws {
    for format in formats {
      let plain = try kernel(format)
      let samples = samples(format)
      let wide = decode(plain, encode(plain, samples))
      XCTAssertEqual(round(plain, samples).map(\.bitPattern), wide.map(\.bitPattern))
      let others = Array(samples.reversed())
      for (index, sum) in combine(plain, .sum, others, encode(plain, samples)).enumerated() {
        let expected = others[index] + wide[index]
        XCTAssertEqual(
          sum.bitPattern, expected.isNaN ? Float.nan.bitPattern : expected.bitPattern)
      }
      let products = combine(plain, .product, others, encode(plain, samples))
      for (index, product) in products.enumerated() where !product.isNaN {
        XCTAssertEqual(product, others[index] * wide[index])
      }
    }
  }

  func testTheFastestIsThere() {
    XCTAssertNil(WireKernel.of(.full))
    XCTAssertNotNil(WireKernel.of(.bfloat16))
    XCTAssertNotNil(WireKernel.of(.float16))
    XCTAssertNil(WireKernel(.full, .scalar))
  }
}
