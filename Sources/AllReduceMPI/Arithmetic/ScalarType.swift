internal import CMPI

/// The element types that a reduction can combine.
public enum ScalarType: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case float, double, int32, int64

  /// The number of bytes per element.
  @inlinable
  package var stride: Int {
    switch self {
    case .float, .int32: 4
    case .double, .int64: 8
    }
  }

  /// Whether elements are floating-point numbers.
  @inlinable @inline(__always)
  package var isFloatingPoint: Bool { self == .float || self == .double }

  /// The name used in options and output.
  public var description: String {
    switch self {
    case .float: "float"
    case .double: "double"
    case .int32: "int32"
    case .int64: "int64"
    }
  }

  var datatype: MPI_Datatype {
    switch self {
    case .float: cmpi_float()
    case .double: cmpi_double()
    case .int32: cmpi_int32()
    case .int64: cmpi_int64()
    }
  }
}

/// A number type that the collectives can reduce and send: `Float`, `Double`, `Int32`, `Int64`.
///
/// The set is closed: conforming another type is not supported.
public protocol ReducibleScalar: BitwiseCopyable, Sendable, Comparable, SignedNumeric {
  /// The ``ScalarType`` of this Swift type.
  static var scalarType: ScalarType { get }
}

extension Float: ReducibleScalar {
  /// The scalar type ``ScalarType/float``.
  @inlinable
  public static var scalarType: ScalarType { .float }
}

extension Double: ReducibleScalar {
  /// The scalar type ``ScalarType/double``.
  @inlinable
  public static var scalarType: ScalarType { .double }
}

extension Int32: ReducibleScalar {
  /// The scalar type ``ScalarType/int32``.
  @inlinable
  public static var scalarType: ScalarType { .int32 }
}

extension Int64: ReducibleScalar {
  /// The scalar type ``ScalarType/int64``.
  @inlinable
  public static var scalarType: ScalarType { .int64 }
}
