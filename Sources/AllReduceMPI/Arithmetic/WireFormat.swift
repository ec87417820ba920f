/// The format of `Float` elements in messages.
///
/// Two bytes an element instead of four, where the network is what a collective waits for. Arithmetic
/// stays in 32 bits: a message is narrowed to be sent and widened before it is added. It is the
/// caller's choice, for each call, and never the library's: numbers lose precision. Elements that
/// ranks reach in shared memory do not travel and are never narrowed. All ranks must name the same
/// format, and all end with the same bits.
///
/// The error bounds of a result, by algorithm and number of ranks: `docs/algorithms.md`, "Wire
/// formats".
public enum WireFormat: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  /// Elements as they are.
  case full
  /// The upper half of a `Float`: its range, with 8 significant bits. Integers up to 256 are exact.
  case bfloat16
  /// IEEE 754 binary16: 11 significant bits, but nothing above 65504, which becomes infinite, partial
  /// sums included; a mean is a sum first. Below 6e-5 the precision fades, below 3e-8 to zero.
  /// Integers up to 2048 are exact.
  case float16

  /// The name used in options and output.
  public var description: String {
    switch self {
    case .full: "full"
    case .bfloat16: "bfloat16"
    case .float16: "float16"
    }
  }

  /// The most that narrowing a number of the format's normal range changes it by, relative to it.
  package var unitRoundoff: Double {
    switch self {
    case .full: 0
    case .bfloat16: 0x1p-8
    case .float16: 0x1p-11
    }
  }

  /// The most that narrowing a number below the format's normal range changes it by.
  package var smallestStepRoundoff: Double {
    switch self {
    case .full: 0
    case .bfloat16: 0x1p-134
    case .float16: 0x1p-25
    }
  }

  /// Bytes that an element of `type` takes in a message.
  ///
  /// - Precondition: The format can carry `type`.
  @inlinable @inline(__always)
  package func stride(of type: ScalarType) -> Int {
    if self == .full { return type.stride }
    checkCarries(type)
    return 2
  }

  /// Only a `Float` has a 16-bit form here; other elements are the caller's mistake.
  @inlinable @inline(__always)
  package func checkCarries(_ type: ScalarType) {
    precondition(
      self == .full || type == .float,
      "\(type) elements cannot travel as \(self): only float elements can. "
        + "Use the wire format full.")
  }
}
