internal import CKernels

/// The arithmetic of one operation on one element type, over whole ranges.
///
/// Loops over elements are concrete functions that are called once a chunk; everything above them
/// moves bytes and knows nothing of types. Memory may be used by nobody else during a call.
package final class ReductionKernel: Sendable {
  package typealias Combine =
    @Sendable (_ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int)
    -> Void
  package typealias Finish =
    @Sendable (_ values: UnsafeMutableRawPointer, _ count: Int, _ ranks: Int) -> Void

  package typealias Both =
    @Sendable (_ first: UnsafeMutableRawPointer, _ second: UnsafeMutableRawPointer, _ count: Int)
    -> Void

  /// Bytes an element.
  package let stride: Int
  /// Whether elements are added up: a sum, or a mean before the division.
  package let isSum: Bool
  /// `destination[i] = destination[i] (op) source[i]`.
  package let combine: Combine
  /// As `combine`, with a result whose bits do not depend on which side is which. The two partners
  /// of an exchange, who combine the same numbers in mirrored order, need that: otherwise each could
  /// keep the payload of its own NaN.
  package let combineSymmetrically: Combine
  /// The complete result of two ranks, for a mean too, in both places.
  package let combineBoth: Both
  /// The last touch of a value that is complete: divides by the number of ranks. Nil but for a mean.
  package let finish: Finish?

  private init(_ operation: ReductionOperation, _ type: ScalarType) {
    precondition(
      operation.isDefined(for: type),
      "A mean of \(type) elements is not defined: reduce the sum, or use floating-point elements.")
    stride = type.stride
    isSum = operation == .sum || operation == .mean
    switch type {
    case .float:
      (combine, combineSymmetrically, combineBoth, finish) = floatingKernels(Float.self, operation)
    case .double:
      (combine, combineSymmetrically, combineBoth, finish) = floatingKernels(Double.self, operation)
    case .int32:
      (combine, combineSymmetrically, combineBoth, finish) = integerKernels(Int32.self, operation)
    case .int64:
      (combine, combineSymmetrically, combineBoth, finish) = integerKernels(Int64.self, operation)
    }
  }

  /// All of them, made once: picking one in a call allocates nothing.
  private static let table: [ReductionKernel?] = ScalarType.allCases.flatMap { type in
    ReductionOperation.allCases.map { operation in
      operation.isDefined(for: type) ? ReductionKernel(operation, type) : nil
    }
  }

  /// The kernel of `operation` on `type`.
  package static func of(_ operation: ReductionOperation, _ type: ScalarType) -> ReductionKernel {
    let index = Int(type.rawValue) * ReductionOperation.allCases.count + Int(operation.rawValue)
    // A mean of integers is the one hole in the table; the initialiser says so in words.
    return table[index] ?? ReductionKernel(operation, type)
  }
}

private typealias Kernels = (
  ReductionKernel.Combine, ReductionKernel.Combine, ReductionKernel.Both, ReductionKernel.Finish?
)

/// One loop, specialised for each element type and operation by inlining.
@inline(__always)
private func loop<Scalar: BitwiseCopyable>(
  _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int,
  _ type: Scalar.Type, _ combine: (Scalar, Scalar) -> Scalar
) {
  let destination = destination.assumingMemoryBound(to: Scalar.self)
  let source = source.assumingMemoryBound(to: Scalar.self)
  for index in 0..<count {
    destination[index] = combine(destination[index], source[index])
  }
}

/// As `loop`, with the result on both sides.
@inline(__always)
private func loopBoth<Scalar: BitwiseCopyable>(
  _ first: UnsafeMutableRawPointer, _ second: UnsafeMutableRawPointer, _ count: Int,
  _ type: Scalar.Type, _ combine: (Scalar, Scalar) -> Scalar
) {
  let first = first.assumingMemoryBound(to: Scalar.self)
  let second = second.assumingMemoryBound(to: Scalar.self)
  for index in 0..<count {
    let result = combine(first[index], second[index])
    first[index] = result
    second[index] = result
  }
}

@inline(__always)
private func floatingKernels<Scalar: BitwiseFloat>(
  _ type: Scalar.Type, _ operation: ReductionOperation
) -> Kernels {
  // In C, for vectors as wide as the processor has: between the caches a fifth faster (AMD Zen 4).
  let sums = ck_sum_best(Int32(Scalar.self == Float.self ? CK_FLOAT : CK_DOUBLE)).pointee
  switch operation {
  case .sum:
    return (
      { sums.add($0, $1, $2) }, { sums.add_symmetrically($0, $1, $2) },
      { sums.add_both($0, $1, $2) }, nil
    )
  case .mean:
    return (
      { sums.add($0, $1, $2) }, { sums.add_symmetrically($0, $1, $2) },
      { sums.average_both($0, $1, $2) },
      { pointer, count, ranks in
        let values = pointer.assumingMemoryBound(to: Scalar.self)
        let divisor = Scalar(ranks)
        for index in 0..<count { values[index] /= divisor }
      }
    )
  case .product:
    return (
      { loop($0, $1, $2, Scalar.self) { $0 * $1 } },
      { loop($0, $1, $2, Scalar.self) { canonical($0 * $1) } },
      { loopBoth($0, $1, $2, Scalar.self) { $0 * $1 } }, nil
    )
  case .minimum:
    let smaller: ReductionKernel.Combine = {
      loop($0, $1, $2, Scalar.self) { Scalar.smaller($0, $1) }
    }
    return (
      smaller, smaller, { loopBoth($0, $1, $2, Scalar.self) { Scalar.smaller($0, $1) } }, nil
    )
  case .maximum:
    let larger: ReductionKernel.Combine = {
      loop($0, $1, $2, Scalar.self) { Scalar.larger($0, $1) }
    }
    return (larger, larger, { loopBoth($0, $1, $2, Scalar.self) { Scalar.larger($0, $1) } }, nil)
  }
}

/// The value, or the one NaN that stands for all.
@inline(__always)
private func canonical<Scalar: BinaryFloatingPoint>(_ value: Scalar) -> Scalar {
  value == value ? value : Scalar.nan
}

@inline(__always)
private func integerKernels<Scalar: FixedWidthInteger & BitwiseCopyable & Sendable>(
  _ type: Scalar.Type, _ operation: ReductionOperation
) -> Kernels {
  switch operation {
  case .sum, .mean: return integerKernels(Scalar.self) { $0 &+ $1 }
  case .product: return integerKernels(Scalar.self) { $0 &* $1 }
  case .minimum: return integerKernels(Scalar.self) { Swift.min($0, $1) }
  case .maximum: return integerKernels(Scalar.self) { Swift.max($0, $1) }
  }
}

@inline(__always)
private func integerKernels<Scalar: FixedWidthInteger & BitwiseCopyable & Sendable>(
  _ type: Scalar.Type, _ combine: @escaping @Sendable (Scalar, Scalar) -> Scalar
) -> Kernels {
  let one: ReductionKernel.Combine = { loop($0, $1, $2, Scalar.self, combine) }
  return (one, one, { loopBoth($0, $1, $2, Scalar.self, combine) }, nil)
}

/// `minimum` and `maximum` of IEEE 754-2019: a NaN on either side is never lost, and zeros are
/// ordered by sign, so the result does not depend on which rank held what. Without branches, so
/// that the loops above become vector code.
private protocol BitwiseFloat: BinaryFloatingPoint, BitwiseCopyable, Sendable {
  static func smaller(_ a: Self, _ b: Self) -> Self
  static func larger(_ a: Self, _ b: Self) -> Self
}

extension Float: BitwiseFloat {
  @inline(__always)
  static func smaller(_ a: Float, _ b: Float) -> Float {
    let other = a == b ? Float(bitPattern: a.bitPattern | b.bitPattern) : b
    let result = a < b ? a : other
    return a == a && b == b ? result : Float.nan
  }

  @inline(__always)
  static func larger(_ a: Float, _ b: Float) -> Float {
    let other = a == b ? Float(bitPattern: a.bitPattern & b.bitPattern) : b
    let result = a > b ? a : other
    return a == a && b == b ? result : Float.nan
  }
}

extension Double: BitwiseFloat {
  @inline(__always)
  static func smaller(_ a: Double, _ b: Double) -> Double {
    let other = a == b ? Double(bitPattern: a.bitPattern | b.bitPattern) : b
    let result = a < b ? a : other
    return a == a && b == b ? result : Double.nan
  }

  @inline(__always)
  static func larger(_ a: Double, _ b: Double) -> Double {
    let other = a == b ? Double(bitPattern: a.bitPattern & b.bitPattern) : b
    let result = a > b ? a : other
    return a == a && b == b ? result : Double.nan
  }
}
