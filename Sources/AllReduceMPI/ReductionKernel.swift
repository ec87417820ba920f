/// The arithmetic of one operation on one element type, over whole ranges.
///
/// Loops over elements are concrete functions that are called once a chunk; everything above them
/// moves bytes and knows nothing of types. Memory may be shared by nobody else during a call.
package struct ReductionKernel: Sendable {
  /// Bytes an element.
  package let stride: Int
  /// `destination[i] = destination[i] (op) source[i]` for `count` elements.
  package let combine:
    @Sendable (_ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int)
      -> Void
  /// The last touch of a value that is complete: divides by the number of ranks (mean), and where
  /// every rank computed the value itself makes its NaNs the same NaN. Nil if there is nothing to do.
  package let finish: (@Sendable (UnsafeMutableRawPointer, Int, _ ranks: Int) -> Void)?
  /// Makes every NaN the same NaN: two ranks that add the same numbers in mirrored order may
  /// otherwise keep different payloads. Nil for integers.
  package let canonicalize: (@Sendable (UnsafeMutableRawPointer, Int) -> Void)?

  package init(_ operation: ReductionOperation, _ type: ScalarType) {
    precondition(
      operation.isDefined(for: type),
      "A mean of \(type) elements is not defined: reduce the sum, or use floating-point elements.")
    stride = type.stride
    switch type {
    case .float: (combine, finish, canonicalize) = floatingKernels(Float.self, operation)
    case .double: (combine, finish, canonicalize) = floatingKernels(Double.self, operation)
    case .int32: (combine, finish, canonicalize) = (integerKernel(Int32.self, operation), nil, nil)
    case .int64: (combine, finish, canonicalize) = (integerKernel(Int64.self, operation), nil, nil)
    }
  }

  /// All twenty, made once: picking one in a call allocates nothing.
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

private typealias Combine = @Sendable (UnsafeMutableRawPointer, UnsafeRawPointer, Int) -> Void
private typealias Finish = @Sendable (UnsafeMutableRawPointer, Int, Int) -> Void
private typealias Canonicalize = @Sendable (UnsafeMutableRawPointer, Int) -> Void

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

@inline(__always)
private func floatingKernels<Scalar: BitwiseFloat>(
  _ type: Scalar.Type, _ operation: ReductionOperation
) -> (Combine, Finish?, Canonicalize?) {
  let combine: Combine =
    switch operation {
    case .sum, .mean: { loop($0, $1, $2, Scalar.self) { $0 + $1 } }
    case .product: { loop($0, $1, $2, Scalar.self) { $0 * $1 } }
    case .minimum: { loop($0, $1, $2, Scalar.self) { Scalar.smaller($0, $1) } }
    case .maximum: { loop($0, $1, $2, Scalar.self) { Scalar.larger($0, $1) } }
    }
  let divide: Finish = { pointer, count, ranks in
    let values = pointer.assumingMemoryBound(to: Scalar.self)
    let divisor = Scalar(ranks)
    for index in 0..<count { values[index] /= divisor }
  }
  let canonicalize: Canonicalize = { pointer, count in
    let values = pointer.assumingMemoryBound(to: Scalar.self)
    for index in 0..<count {
      let value = values[index]
      values[index] = value == value ? value : Scalar.nan
    }
  }
  return (combine, operation == .mean ? divide : nil, canonicalize)
}

@inline(__always)
private func integerKernel<Scalar: FixedWidthInteger & BitwiseCopyable & Sendable>(
  _ type: Scalar.Type, _ operation: ReductionOperation
) -> Combine {
  switch operation {
  case .sum, .mean: { loop($0, $1, $2, Scalar.self) { $0 &+ $1 } }
  case .product: { loop($0, $1, $2, Scalar.self) { $0 &* $1 } }
  case .minimum: { loop($0, $1, $2, Scalar.self) { Swift.min($0, $1) } }
  case .maximum: { loop($0, $1, $2, Scalar.self) { Swift.max($0, $1) } }
  }
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
