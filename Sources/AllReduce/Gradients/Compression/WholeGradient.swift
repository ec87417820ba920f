public import AllReduceMPI

/// Sends every number of a gradient, in full or in 16 bits; ``WireFormat`` has the effects.
public struct WholeGradient: GradientCompression {
  /// The format of numbers between hosts.
  public let wireFormat: WireFormat

  /// Lets numbers travel in a format.
  package init(as wireFormat: WireFormat) { self.wireFormat = wireFormat }

  /// "none", or the format's name.
  public var name: String { wireFormat == .full ? "none" : wireFormat.description }
}

extension GradientCompression where Self == WholeGradient {
  /// Every number as it is.
  public static var none: WholeGradient { WholeGradient(as: .full) }
  /// 16 bits, with the range of a `Float`; half the bytes.
  public static var bfloat16: WholeGradient { WholeGradient(as: .bfloat16) }
  /// 16 bits, more of them significant, up to 65504; half the bytes.
  public static var float16: WholeGradient { WholeGradient(as: .float16) }
}
