public import AllReduce

/// Values whose reduction is known exactly, for any type, operation and number of ranks.
///
/// They repeat with period 11, so the expected result of a vector of any length is eleven numbers.
public struct ReductionCase<Scalar: ReducibleScalar> {
  /// After how many elements the values repeat.
  public static var period: Int { 11 }

  /// How the ranks' values are combined.
  public let operation: ReductionOperation
  /// The number of ranks.
  public let size: Int
  /// The expected result of element i is `expected[i % 11]`.
  public let expected: [Scalar]

  /// Works out the expected result; `dividing` is the division of a mean.
  public init(_ operation: ReductionOperation, size: Int, dividing: (Scalar, Int) -> Scalar) {
    self.operation = operation
    self.size = size
    expected = (0..<Self.period).map { element in
      var result = Self.value(operation, rank: 0, element: element)
      for rank in 1..<max(size, 1) where rank < size {
        let other = Self.value(operation, rank: rank, element: element)
        switch operation {
        case .sum, .mean: result += other
        case .product: result *= other
        case .minimum: result = min(result, other)
        case .maximum: result = max(result, other)
        }
      }
      return operation == .mean ? dividing(result, size) : result
    }
  }

  /// What a rank contributes: small integers, and for products 1, -1 and 2.
  public static func value(_ operation: ReductionOperation, rank: Int, element: Int) -> Scalar {
    if operation == .product {
      let factors: [Scalar] = [1, -1, 2]
      return factors[(element + rank) % 3]
    }
    let integers: [Scalar] = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7]
    return integers[(element * 7 + rank * 13) % 11]
  }

  /// Fills a buffer with a rank's contribution.
  public func fill(_ values: UnsafeMutableBufferPointer<Scalar>, rank: Int) {
    let pattern = (0..<Self.period).map { Self.value(operation, rank: rank, element: $0) }
    for index in values.indices { values[index] = pattern[index % Self.period] }
  }

  /// The first element that is not as expected.
  public func firstWrong(_ values: UnsafeMutableBufferPointer<Scalar>, _ range: Range<Int>) -> Int?
  {
    expected.withUnsafeBufferPointer { expected in
      range.first { values[$0] != expected[$0 % Self.period] }
    }
  }
}

/// The counts at which everything is tried: none, fewer than ranks, around them, and many.
public func testCounts(ranks: Int) -> [Int] {
  Array(Set([0, 1, 2, ranks - 1, ranks, ranks + 1, 7, 64, 1000, 4097, 100_003])).sorted()
}

/// Random numbers of very different sizes, whose sum depends on the order of the additions.
public func roughNumbers<Scalar: BinaryFloatingPoint>(
  _ type: Scalar.Type, count: Int, seed: UInt64
) -> [Scalar] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    let mantissa = Double(Int64(bitPattern: state) >> 11) / Double(1 << 52)
    return Scalar(mantissa)
      * Scalar(sign: .plus, exponent: .init(Int(state % 31) - 15), significand: 1)
  }
}

/// A hash of the bits of a buffer (FNV-1a over words).
public func bitHash(_ bytes: UnsafeRawBufferPointer) -> Int64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
  return Int64(bitPattern: hash)
}
