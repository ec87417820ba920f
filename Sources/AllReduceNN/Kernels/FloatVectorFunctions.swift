package import CKernels

/// Vector functions of `Float` numbers by the C kernels of one processor level: see `activations.h`.
package struct FloatVectorFunctions: VectorFunctions, @unchecked Sendable {
  /// The table of C functions, in constant memory.
  private let table: UnsafePointer<ck_activations>

  /// Creates the functions for a processor level, which this processor must have.
  package init(_ level: ProcessorLevel = .current) { table = ck_activations_at(level)! }

  package func exponential(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int
  ) { table.pointee.exponential(x, y, count) }

  package func tanh(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int) {
    table.pointee.tanh(x, y, count)
  }

  package func sigmoid(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int) {
    table.pointee.sigmoid(x, y, count)
  }

  package func gelu(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int, approximate: Bool
  ) { (approximate ? table.pointee.gelu_tanh : table.pointee.gelu)(x, y, count) }

  package func rectify(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int, slope: Float
  ) { table.pointee.rectify(x, y, count, slope) }

  package func tanhGradient(
    _ y: UnsafePointer<Float>, _ g: UnsafeMutablePointer<Float>, count: Int
  ) { table.pointee.tanh_gradient(y, g, count) }

  package func sigmoidGradient(
    _ y: UnsafePointer<Float>, _ g: UnsafeMutablePointer<Float>, count: Int
  ) { table.pointee.sigmoid_gradient(y, g, count) }

  package func geluGradient(
    _ x: UnsafePointer<Float>, _ g: UnsafeMutablePointer<Float>, count: Int, approximate: Bool
  ) { (approximate ? table.pointee.gelu_tanh_gradient : table.pointee.gelu_gradient)(x, g, count) }

  package func rectifyGradient(
    _ y: UnsafePointer<Float>, _ g: UnsafeMutablePointer<Float>, count: Int, slope: Float
  ) { table.pointee.rectify_gradient(y, g, count, slope) }

  package func add(
    _ x: UnsafePointer<Float>, _ z: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    count: Int
  ) { table.pointee.add(x, z, y, count) }

  package func largest(_ x: UnsafePointer<Float>, count: Int) -> Float {
    table.pointee.largest(x, count)
  }

  package func sum(_ x: UnsafePointer<Float>, count: Int) -> Double { table.pointee.sum(x, count) }

  package func exponentials(
    _ x: UnsafePointer<Float>, minus offset: Float, _ y: UnsafeMutablePointer<Float>?, count: Int
  ) -> Float { table.pointee.exponentials(x, offset, y, count) }

  package func scale(
    _ x: UnsafeMutablePointer<Float>, count: Int, by scale: Float, minus offset: Float
  ) { table.pointee.scale_and_shift(x, count, scale, offset) }

  package func squaredDifferences(
    _ x: UnsafePointer<Float>, _ t: UnsafePointer<Float>, _ g: UnsafeMutablePointer<Float>?,
    count: Int, scale: Float
  ) -> Double { table.pointee.squared_differences(x, t, g, count, scale) }

  package func binaryCrossEntropy(
    _ x: UnsafePointer<Float>, _ t: UnsafePointer<Float>, _ g: UnsafeMutablePointer<Float>?,
    count: Int, scale: Float
  ) -> (loss: Double, right: Int) {
    var right = 0
    let loss = table.pointee.binary_cross_entropy(x, t, g, count, scale, &right)
    return (loss, right)
  }

  package func drop(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int, mask: DropoutMask,
    example: Int, scale: Float
  ) {
    table.pointee.drop(
      x, y, count, mask.seed, mask.index(of: example), mask.stream, UInt32(mask.kept), scale)
  }
}
