import AllReduce

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Elements whose reduction over all ranks is known exactly, in any order of combining.
///
/// The elements are small integers generated from a seed, so that sums are exact in floating point too; for products
/// they are small powers of two. They repeat with a prime period, so that blocks that end up in the wrong place are
/// detected. Each call starts at another place in the period, so that results left from the previous call are detected
/// as well.
struct KnownReduction<Scalar: BenchScalar> {
  private static var period: Int { 1021 }

  /// This rank's elements for two periods, so that a whole period starts at each place of the first.
  private let own: [Scalar]
  private let expected: [Scalar]

  init(_ operation: ReductionOperation, rank: Int, size: Int, seed: UInt64) {
    let numbers = Philox(seed: seed)
    func element(_ rank: Int, _ index: Int) -> Double {
      let bits = numbers.block(at: UInt64(index), stream: UInt64(rank)).x
      guard operation == .product else { return Double(bits % 16) - 8 }
      // If more ranks contributed factors of 2, the product would overflow some element type.
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
      // Dividing exact numbers in Double and then rounding gives the same result as dividing in Float.
      return operation == .mean ? total / Double(size) : total
    }
    let period = Self.period
    own = (0..<2 * period).map { Scalar(nearest: element(rank, $0 % period)) }
    expected = (0..<period).map { Scalar(nearest: reduced($0)) }.twice
  }

  /// Writes this rank's elements for call number `call`.
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

  /// Returns the index of the first element that differs in any bit from the expected result of a call, or nil.
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

  /// Returns the expected value of an element in the result of a call.
  func expected(at index: Int, call: Int) -> Scalar {
    expected[start(call) + index % Self.period]
  }

  private func start(_ call: Int) -> Int { call * 7 % Self.period }
}

extension Array {
  fileprivate var twice: [Element] { self + self }
}
