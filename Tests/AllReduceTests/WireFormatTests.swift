import AllReduce
import AllReduceMPI
import TestSupport
import XCTest

/// 16 bits on the wire, over threads: errors within the bound, and the same bits on all ranks.
final class WireFormatTests: XCTestCase {
  private let formats: [WireFormat] = [.bfloat16, .float16]

  /// Runs over threads on copies of the vectors; returns what each rank ends with.
  private func run(
    _ collective: Collective, _ algorithm: ReductionAlgorithm.Kind,
    _ operation: ReductionOperation, _ vectors: [[Float]], _ wireFormat: WireFormat,
    segment: Int = 37
  ) throws -> [[Float]] {
    let buffers = vectors.map { vector in
      let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: vector.count)
      _ = buffer.initialize(fromContentsOf: vector)
      return buffer
    }
    defer { buffers.forEach { $0.deallocate() } }
    try ThreadCluster.run(
      collective, algorithm, operation, on: buffers, segment: segment, wireFormat: wireFormat)
    return buffers.map { Array($0) }
  }

  private func check(
    _ results: [[Float]], _ vectors: [[Float]], dividedBy divisor: Int = 1, _ bound: WireErrorBound,
    _ title: String
  ) {
    let bits = results.map { $0.map(\.bitPattern) }
    XCTAssertTrue(bits.allSatisfy { $0 == bits[0] }, "\(title): bits differ")
    XCTAssertNil(
      bound.firstViolation(results[0], of: vectors, dividedBy: divisor), title)
  }

  func testSumsAndMeansAreWithinTheBound() throws {
    for format in formats {
      for size in 1...9 {
        // In float16 sums must stay below 65504.
        let scale: Float = format == .float16 ? 0x1p-4 : 1
        let vectors = (0..<size).map { rank in
          roughNumbers(Float.self, count: 1000, seed: UInt64(rank) + 3).map { $0 * scale }
        }
        for algorithm in ScheduleTests.algorithms {
          let bound = WireErrorBound(.allReduce, by: algorithm, size: size, format)
          for operation in [ReductionOperation.sum, .mean] {
            let results = try run(.allReduce, algorithm, operation, vectors, format)
            check(
              results, vectors, dividedBy: operation == .mean ? size : 1, bound,
              "\(operation) by \(algorithm), \(size) ranks, \(format)")
          }
        }
      }
    }
  }

  /// Positive numbers, all rounded the same way: the bound is not idle.
  func testErrorsOfTheRingComeNearTheBound() throws {
    let size = 8
    let vectors = (0..<size).map { rank in
      roughNumbers(Float.self, count: 4000, seed: UInt64(rank) + 40).map { 1 + abs($0) / 65536 }
    }
    let results = try run(.allReduce, .ring, .sum, vectors, .bfloat16)
    let few = WireErrorBound(roundings: 1, size: size, .bfloat16)
    XCTAssertNotNil(few.firstViolation(results[0], of: vectors))
  }

  func testTheOtherCollectivesAreWithinTheBound() throws {
    for format in formats {
      for size in [2, 3, 5, 8] {
        let count = 6 * size + 1
        let scale: Float = format == .float16 ? 0x1p-4 : 1
        let vectors = (0..<size).map { rank in
          roughNumbers(Float.self, count: count, seed: UInt64(rank) + 3).map { $0 * scale }
        }
        let blocks = BlockPartition(count: count, parts: size)
        for algorithm in ScheduleTests.algorithms {
          let title = "by \(algorithm), \(size) ranks, \(format)"
          let scattered = try run(.reduceScatter, algorithm, .sum, vectors, format)
          let bound = WireErrorBound(.reduceScatter, by: algorithm, size: size, format)
          let joined = (0..<size).flatMap { scattered[$0][blocks[$0]] }
          XCTAssertNil(bound.firstViolation(joined, of: vectors), "reduceScatter \(title)")

          let root = size / 2
          let reduced = try run(.reduce(root: root), algorithm, .sum, vectors, format)[root]
          XCTAssertNil(
            WireErrorBound(.reduce(root: root), by: algorithm, size: size, format)
              .firstViolation(reduced, of: vectors), "reduce \(title)")

          let once = WireErrorBound(roundings: 1, size: 1, format)
          let sent = try run(.broadcast(root: root), algorithm, .sum, vectors, format)
          check(sent, [vectors[root]], once, "broadcast \(title)")
          let gathered = try run(.allGather, algorithm, .sum, vectors, format)
          let whole = (0..<size).flatMap { vectors[$0][blocks[$0]] }
          check(gathered, [whole], once, "allGather \(title)")
        }
      }
    }
  }

  func testSmallIntegersAreExact() throws {
    for (format, most) in [(WireFormat.bfloat16, 256), (.float16, 2048)] {
      for size in 1...9 {
        let vectors = (0..<size).map { rank in
          (0..<700).map { Float(($0 * 31 + rank * 17) % (most / size + 1)) }
        }
        let expected = (0..<700).map { element in vectors.reduce(0) { $0 + $1[element] } }
        for algorithm in ScheduleTests.algorithms {
          for result in try run(.allReduce, algorithm, .sum, vectors, format) {
            XCTAssertEqual(result, expected, "\(algorithm), \(size) ranks, \(format)")
          }
        }
      }
    }
  }

  /// The other operations: minimum and maximum are the rounded number, products are near.
  func testOtherOperations() throws {
    for format in formats {
      for size in 2...9 {
        let vectors = (0..<size).map { rank in
          roughNumbers(Float.self, count: 600, seed: UInt64(rank) + 9).map { $0 / 65536 + 0.25 }
        }
        for algorithm in ScheduleTests.algorithms {
          let title = "\(algorithm), \(size) ranks, \(format)"
          let roundings = ScheduleCost.roundings(.allReduce, by: algorithm, size: size).value
          for (operation, pick) in [
            (ReductionOperation.minimum, { min($0, $1) }), (.maximum, { max($0, $1) }),
          ] as [(ReductionOperation, (Float, Float) -> Float)] {
            let results = try run(.allReduce, algorithm, operation, vectors, format)
            let exact = (0..<600).map { element in
              vectors.dropFirst().reduce(vectors[0][element]) { pick($0, $1[element]) }
            }
            check(
              results, [exact], WireErrorBound(roundings: 1, size: 1, format),
              "\(operation) by \(title)")
          }
          let results = try run(.allReduce, algorithm, .product, vectors, format)
          let exact = (0..<600).map { element in
            Float(vectors.reduce(1.0) { $0 * Double($1[element]) })
          }
          // Every factor brings all its roundings with it.
          let bound = WireErrorBound(
            roundings: roundings * Double(size) + 1, size: 2 * size, format)
          check(results, [exact], bound, "product by \(title)")
        }
      }
    }
  }

  func testWhatIsNotFinite() throws {
    for format in formats {
      for size in 2...6 {
        for holder in 0..<size {
          let vectors = (0..<size).map { rank -> [Float] in
            let isHolder = rank == holder
            return [
              isHolder ? Float(bitPattern: 0xFFC0_1234) : 1, isHolder ? .infinity : 1,
              isHolder ? .infinity : -.infinity, isHolder ? 65000 : 600, 1,
              .greatestFiniteMagnitude / 16,
            ]
          }
          for algorithm in ScheduleTests.algorithms {
            let title = "\(algorithm), \(size) ranks, \(format)"
            for result in try run(.allReduce, algorithm, .sum, vectors, format, segment: 4) {
              XCTAssertEqual(result[0].bitPattern, Float.nan.bitPattern, title)
              XCTAssertEqual(result[1], .infinity, title)
              XCTAssertEqual(result[2].bitPattern, Float.nan.bitPattern, title)
              if format == .float16 {
                XCTAssertEqual(result[3], .infinity, title)
                XCTAssertEqual(result[5], .infinity, title)
              } else {
                XCTAssertEqual(result[3], 65000 + 600 * Float(size - 1), accuracy: 2000, title)
                XCTAssertTrue(result[5].isFinite, title)
              }
              XCTAssertEqual(result[4], Float(size), title)
            }
          }
        }
      }
    }
  }

  /// In full, partners of an exchange keep the same bits of different NaNs.
  func testExchangedNaNsHaveTheSameBits() throws {
    for size in 2...9 {
      let vectors = (0..<size).map { rank in
        [Float](repeating: Float(bitPattern: 0x7FC0_0000 | UInt32(rank + 1)), count: 19)
      }
      let results = try run(.allReduce, .recursiveDoubling, .sum, vectors, .full)
      let bits = results.map { $0.map(\.bitPattern) }
      XCTAssertTrue(bits.allSatisfy { $0 == bits[0] }, "\(size) ranks")
    }
  }
}
