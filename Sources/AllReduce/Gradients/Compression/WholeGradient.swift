public import AllReduceMPI

/// Sends every number of a gradient, in full or in 16 bits; ``WireFormat`` describes the effects.
public struct WholeGradient: GradientCompression {
  /// The format in which numbers are sent between hosts.
  public let wireFormat: WireFormat

  /// Creates the compression that sends every number in a format.
  package init(as wireFormat: WireFormat) { self.wireFormat = wireFormat }

  /// The name of the format, or "none" if numbers are sent in full.
  public var name: String { wireFormat == .full ? "none" : wireFormat.description }
}

extension GradientCompression where Self == WholeGradient {
  /// No compression: every number is sent in full.
  public static var none: WholeGradient { WholeGradient(as: .full) }
  /// Sends numbers in 16 bits, with the range of a `Float`; half the bytes.
  public static var bfloat16: WholeGradient { WholeGradient(as: .bfloat16) }
  /// Sends numbers in 16 bits, with more significant bits than `bfloat16`, up to 65504; half the bytes.
  public static var float16: WholeGradient { WholeGradient(as: .float16) }
}
