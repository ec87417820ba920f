/// A number that networks compute with: `Float`, and `Double` for checks and small problems.
///
/// The requirements are kernels: loops over memory that check nothing, each called once for many
/// elements. Layers check shapes and call them.
public protocol NetworkScalar: BLASScalar, LayerScalar {
  /// Activations, losses and masks, for this processor.
  static var vectorFunctions: any VectorFunctions<Self> { get }
  /// Normalization, for this processor.
  static var normalization: any NormalizationFunctions<Self> { get }
}

extension Float: NetworkScalar {
  /// Kernels in 32 bits.
  public static let vectorFunctions: any VectorFunctions<Float> = FloatVectorFunctions()
  /// Kernels in 32 bits.
  public static let normalization: any NormalizationFunctions<Float> = FloatNormalization()
}

extension Double: NetworkScalar {
  /// Plain loops in 64 bits.
  public static let vectorFunctions: any VectorFunctions<Double> = DoubleVectorFunctions()
  /// Plain loops in 64 bits.
  public static let normalization: any NormalizationFunctions<Double> = DoubleNormalization()
}
