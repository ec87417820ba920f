/// A number that networks compute with: `Float`, and `Double` for checks and small problems.
public protocol NetworkScalar: BinaryFloatingPoint, Sendable {
  /// The loops that the library's layers, losses and rules run over memory.
  static var kernels: NetworkKernels<Self> { get }
}

extension Float: NetworkScalar {
  /// C loops in 32 bits, the fastest that this processor has.
  public static let kernels = NetworkKernels<Float>(
    FloatVectorFunctions(), FloatNormalization(), LayerKernels(ofDouble: false))
}

extension Double: NetworkScalar {
  /// Loops in 64 bits.
  public static let kernels = NetworkKernels<Double>(
    DoubleVectorFunctions(), DoubleNormalization(), LayerKernels(ofDouble: true))
}

/// Loops over memory for one type of number and this processor. The library's own: they check nothing, and
/// each is called once for many elements. Layers check shapes and call them.
public final class NetworkKernels<Scalar>: Sendable {
  typealias MatrixProduct =
    @Sendable (
      _ transposeA: Bool, _ transposeB: Bool, _ rows: Int32, _ columns: Int32, _ inner: Int32,
      _ a: UnsafePointer<Scalar>, _ b: UnsafePointer<Scalar>, _ keep: Scalar,
      _ c: UnsafeMutablePointer<Scalar>
    ) -> Void

  let vectorFunctions: any VectorFunctions<Scalar>
  let normalization: any NormalizationFunctions<Scalar>
  let layerLoops: LayerKernels
  let matrixProduct: MatrixProduct

  init(
    _ vectorFunctions: any VectorFunctions<Scalar>,
    _ normalization: any NormalizationFunctions<Scalar>, _ layerLoops: LayerKernels
  ) where Scalar: BLASScalar {
    self.vectorFunctions = vectorFunctions
    self.normalization = normalization
    self.layerLoops = layerLoops
    matrixProduct = {
      Scalar.matrixMatrix(
        transposeA: $0, transposeB: $1, rows: $2, columns: $3, inner: $4, $5, $6, keep: $7, $8)
    }
  }
}

extension NetworkScalar {
  /// Activations, losses and masks.
  package static var vectorFunctions: any VectorFunctions<Self> { kernels.vectorFunctions }
  /// Normalization.
  package static var normalization: any NormalizationFunctions<Self> { kernels.normalization }
  /// Convolution, pooling and small products.
  package static var layerLoops: LayerKernels { kernels.layerLoops }

  /// C = A B + keep C, where A is `[rows, inner]` and B is `[inner, columns]` after the transposes asked for.
  static func matrixMatrix(
    transposeA: Bool, transposeB: Bool, rows: Int32, columns: Int32, inner: Int32,
    _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, keep: Self,
    _ c: UnsafeMutablePointer<Self>
  ) {
    kernels.matrixProduct(transposeA, transposeB, rows, columns, inner, a, b, keep, c)
  }
}
