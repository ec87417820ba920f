internal import CMPI

/// The operation by which a reduction combines the ranks' elements.
public enum ReductionOperation: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  /// The sum; integers wrap.
  case sum
  /// The sum divided by the number of ranks; floating-point elements only.
  case mean
  /// The smallest element. NaN if any rank holds one; -0 is smaller than +0.
  case minimum
  /// The largest element. NaN if any rank holds one; +0 is larger than -0.
  case maximum
  /// The product; integers wrap.
  case product

  /// The name used in options and output.
  public var description: String {
    switch self {
    case .sum: "sum"
    case .mean: "mean"
    case .minimum: "minimum"
    case .maximum: "maximum"
    case .product: "product"
    }
  }

  /// Returns whether the operation is defined for elements of `type`.
  @inlinable
  package func isDefined(for type: ScalarType) -> Bool { self != .mean || type.isFloatingPoint }

  /// Checks that the operation is defined for elements of `type`: a mean of integers is a programming error.
  @inlinable @inline(__always)
  package func checkIsDefined(for type: ScalarType) {
    precondition(
      isDefined(for: type),
      "A mean of \(type) elements is not defined: reduce the sum, or use floating-point elements.")
  }
}
