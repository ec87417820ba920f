import AllReduce

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Elements for every rank whose reduction is known exactly, in any order of combining.
///
/// The elements are small integers from a seed, so that sums are exact in floating point too; for
/// products they are small powers of two. They repeat with a period that is prime, so that blocks
/// that came to the wrong place are wrong, and each call begins elsewhere in the period, so that
/// what the last call left behind is wrong as well.
struct KnownReduction<Scalar: BenchScalar> {
  private static var period: Int { 1021 }

  /// Two periods, so that a whole one starts at each of the first.
  private let own: [Scalar]
  private let expected: [Scalar]

  init(_ operation: ReductionOperation, rank: Int, size: Int, seed: UInt64) {
    let numbers = Philox(seed: seed)
    func element(_ rank: Int, _ index: Int) -> Double {
      let bits = numbers.block(at: UInt64(index), stream: UInt64(rank)).x
      guard operation == .product else { return Double(bits % 16) - 8 }
      // With the factors 2 of more ranks the product would leave the range of some type.
      let magnitude = rank < 20 ? 1 + bits & 1 : 1
      return bits & 2 == 0 ? Double(magnitude) : -Double(magnitude)
    }
    func reduced(_ index: Int) -> Double {
      let total = (1..<max(size, 1)).reduce(element(0, index)) { total, other in
        let next = element(other, index)
        return switch operation {
        case .sum, .mean: total + next
        case .product: total * next
        case .minimum: min(total, next)
        case .maximum: max(total, next)
        }
      }
      // Exact numbers divided in Double and rounded are those divided in Float.
      return operation == .mean ? total / Double(size) : total
    }
    let period = Self.period
    own = (0..<2 * period).map { Scalar(nearest: element(rank, $0 % period)) }
    expected = (0..<period).map { Scalar(nearest: reduced($0)) }.twice
  }

  /// Writes this rank's elements of a call.
  func write(to buffer: UnsafeMutableBufferPointer<Scalar>, call: Int) {
    guard let base = buffer.baseAddress else { return }
    own.withUnsafeBufferPointer { own in
      let source = own.baseAddress! + start(call)
      var done = 0
      while done < buffer.count {
        let count = min(Self.period, buffer.count - done)
        memcpy(base + done, source, count * MemoryLayout<Scalar>.stride)
        done += count
      }
    }
  }

  /// The first element that is not bitwise the result of a call, or nil.
  func firstError(in buffer: UnsafeMutableBufferPointer<Scalar>, call: Int) -> Int? {
    guard let base = buffer.baseAddress else { return nil }
    return expected.withUnsafeBufferPointer { expected in
      let right = expected.baseAddress! + start(call)
      var done = 0
      while done < buffer.count {
        let count = min(Self.period, buffer.count - done)
        if memcmp(base + done, right, count * MemoryLayout<Scalar>.stride) != 0 {
          let element = MemoryLayout<Scalar>.stride
          return done
            + (0..<count).first { memcmp(base + done + $0, right + $0, element) != 0 }!
        }
        done += count
      }
      return nil
    }
  }

  /// The expected value of an element of a call's result.
  func expected(at index: Int, call: Int) -> Scalar {
    expected[start(call) + index % Self.period]
  }

  private func start(_ call: Int) -> Int { call * 7 % Self.period }
}

extension Array {
  fileprivate var twice: [Element] { self + self }
}
