import AllReduce
import TestSupport
import XCTest

/// The executor over threads: every algorithm, operation and count at 1...9 ranks, exactly.
final class ThreadExecutorTests: XCTestCase {
  func testAllReduceOfFloat() throws { try exhaust(Float.self, Array(1...9)) { $0 / Float($1) } }
  // Schedules do not know the type: a few numbers of ranks show that kernels do.
  func testAllReduceOfDouble() throws { try exhaust(Double.self, [1, 2, 5]) { $0 / Double($1) } }
  func testAllReduceOfInt32() throws { try exhaust(Int32.self, [1, 3, 8]) { sum, _ in sum } }
  func testAllReduceOfInt64() throws { try exhaust(Int64.self, [1, 4, 7]) { sum, _ in sum } }

  private func exhaust<Scalar: ReducibleScalar>(
    _ type: Scalar.Type, _ sizes: [Int], dividing: (Scalar, Int) -> Scalar
  ) throws {
    for size in sizes {
      for count in testCounts(ranks: size) {
        let buffers = (0..<size).map { _ in
          UnsafeMutableBufferPointer<Scalar>.allocate(capacity: count)
        }
        defer { buffers.forEach { $0.deallocate() } }
        for operation in ReductionOperation.allCases
        where operation.isDefined(for: Scalar.scalarType) {
          let known = ReductionCase<Scalar>(operation, size: size, dividing: dividing)
          for algorithm in ScheduleTests.algorithms {
            for rank in 0..<size { known.fill(buffers[rank], rank: rank) }
            let segment = count % 2 == 0 ? 64 : 10_000
            try ThreadCluster.run(.allReduce, algorithm, operation, on: buffers, segment: segment)
            for rank in 0..<size {
              XCTAssertNil(
                known.firstWrong(buffers[rank], 0..<count),
                "\(operation) of \(count) \(type) by \(algorithm), rank \(rank) of \(size)")
            }
          }
        }
      }
    }
  }

  /// Sums of rough numbers are bitwise the same on all ranks and in every run.
  func testBitsAreEqual() throws {
    for size in 1...9 {
      for algorithm in ScheduleTests.algorithms {
        let count = 1000
        var first: Int64?
        for _ in 0..<3 {
          var vectors = (0..<size).map { roughNumbers(Float.self, count: count, seed: UInt64($0)) }
          let buffers = vectors.indices.map { rank in
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
            _ = buffer.update(from: vectors[rank])
            return buffer
          }
          defer { buffers.forEach { $0.deallocate() } }
          vectors = []
          try ThreadCluster.run(.allReduce, algorithm, .mean, on: buffers, segment: 37)
          for buffer in buffers {
            let hash = bitHash(UnsafeRawBufferPointer(buffer))
            XCTAssertEqual(first ?? hash, hash, "\(algorithm) at \(size) ranks")
            first = hash
          }
        }
      }
    }
  }

  /// One run object serves many times, and segments may have any size.
  func testRepeatedRunsAndOddSegments() throws {
    let count = 500
    for size in [2, 3, 4, 7] {
      for algorithm in ScheduleTests.algorithms {
        for segment in [1, 7, 499, 5000] {
          let buffers = (0..<size).map { rank in
            let buffer = UnsafeMutableBufferPointer<Double>.allocate(capacity: count)
            buffer.initialize(repeating: 1)
            return buffer
          }
          defer { buffers.forEach { $0.deallocate() } }
          try ThreadCluster.run(
            .allReduce, algorithm, .sum, on: buffers, segment: segment, repeating: 4)
          let expected = Double(size * size * size * size)
          for buffer in buffers {
            XCTAssertTrue(buffer.allSatisfy { $0 == expected }, "\(algorithm), \(size), \(segment)")
          }
        }
      }
    }
  }
}
