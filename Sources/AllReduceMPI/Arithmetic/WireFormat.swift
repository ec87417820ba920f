/// The format in which `Float` elements are sent.
///
/// The 16-bit formats take two bytes per element instead of four, which helps where a collective is limited by the
/// network. Arithmetic stays in 32 bits: elements are narrowed to be sent, and widened before they are combined. The
/// caller chooses the format for each call, and the library never does, because numbers lose precision. Elements that
/// ranks access in shared memory are not sent, and are never narrowed. All ranks must name the same format, and all get
/// bitwise the same result.
///
/// The error bounds of a result, by algorithm and number of ranks: `docs/algorithms.md`, "Wire formats".
public enum WireFormat: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  /// 32 bits: elements are sent unchanged.
  case full
  /// The upper half of a `Float`: the same range, with 8 significant bits. Integers up to 256 are exact.
  case bfloat16
  /// IEEE 754 binary16: 11 significant bits. Numbers above 65504 become infinite, partial sums included (a mean is a
  /// sum first). Precision decreases below 6e-5, and numbers below 3e-8 become zero. Integers up to 2048 are exact.
  case float16

  /// The name used in options and output.
  public var description: String {
    switch self {
    case .full: "full"
    case .bfloat16: "bfloat16"
    case .float16: "float16"
    }
  }

  /// The largest relative error from narrowing a number in the format's normal range.
  package var unitRoundoff: Double {
    switch self {
    case .full: 0
    case .bfloat16: 0x1p-8
    case .float16: 0x1p-11
    }
  }

  /// The largest absolute error from narrowing a number below the format's normal range.
  package var smallestStepRoundoff: Double {
    switch self {
    case .full: 0
    case .bfloat16: 0x1p-134
    case .float16: 0x1p-25
    }
  }

  /// Returns the number of bytes that an element of `type` takes in a message.
  ///
  /// - Precondition: The format can carry `type`.
  @inlinable @inline(__always)
  package func stride(of type: ScalarType) -> Int {
    if self == .full { return type.stride }
    checkCarries(type)
    return 2
  }

  /// Checks that the format can carry elements of `type`: a 16-bit format with elements other than `Float` is a
  /// programming error.
  @inlinable @inline(__always)
  package func checkCarries(_ type: ScalarType) {
    precondition(
      self == .full || type == .float,
      "\(type) elements cannot travel as \(self): only float elements can. "
        + "Use the wire format full.")
  }
}
