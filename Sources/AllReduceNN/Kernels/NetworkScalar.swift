/// A number type that networks compute with: `Float`, and `Double` for checks and small problems.
public protocol NetworkScalar: BinaryFloatingPoint, Sendable {
  /// The loops over memory that the library's layers, losses and rules run.
  static var kernels: NetworkKernels<Self> { get }
}

extension Float: NetworkScalar {
  /// C loops on 32-bit numbers, the fastest that this processor has.
  public static let kernels = NetworkKernels<Float>(
    FloatVectorFunctions(), FloatNormalization(), LayerKernels(ofDouble: false))
}

extension Double: NetworkScalar {
  /// Loops on 64-bit numbers.
  public static let kernels = NetworkKernels<Double>(
    DoubleVectorFunctions(), DoubleNormalization(), LayerKernels(ofDouble: true))
}

/// Loops over memory for one scalar type on this processor. They are internal to the library and check nothing; layers
/// check shapes and then call a loop once for many elements.
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
  /// The loops of activations, losses and dropout masks.
  package static var vectorFunctions: any VectorFunctions<Self> { kernels.vectorFunctions }
  /// The loops of normalization.
  package static var normalization: any NormalizationFunctions<Self> { kernels.normalization }
  /// The loops of convolution, pooling and small products.
  package static var layerLoops: LayerKernels { kernels.layerLoops }

  /// Computes C = A * B + keep * C, where, after any transposition, A is `[rows, inner]` and B is `[inner, columns]`.
  static func matrixMatrix(
    transposeA: Bool, transposeB: Bool, rows: Int32, columns: Int32, inner: Int32,
    _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, keep: Self,
    _ c: UnsafeMutablePointer<Self>
  ) {
    kernels.matrixProduct(transposeA, transposeB, rows, columns, inner, a, b, keep, c)
  }
}
