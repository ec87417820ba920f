package import CKernels

/// The C loops of layers, for one scalar type: see `layers.h`.
package struct LayerKernels: @unchecked Sendable {
  /// The table of C functions, in constant memory.
  let table: UnsafePointer<ck_layers>
  /// The processor level that the loops were compiled for.
  package let level: ProcessorLevel

  /// Creates the loops for `Double` or `Float` at a processor level, which this processor must have.
  package init(ofDouble: Bool, _ level: ProcessorLevel = .current) {
    table = ck_layers_at(level, Int32(ofDouble ? CK_DOUBLE : CK_FLOAT))!
    self.level = level
  }

  /// Whether the loops use fused multiply-add, which rounds once. All levels that use it give equal bits.
  package var isFused: Bool { table.pointee.fused != 0 }

  /// The batch sizes for which the products of these loops are faster than those of BLAS.
  static let batches = 8...256

  /// The number of elements of scratch memory that a product needs.
  static var scratch: Int { Int(CK_SCRATCH) }

  /// Returns the row length of panels and start values for this number of columns: rounded up to a multiple of
  /// `CK_COLUMNS`.
  static func rounded(_ columns: Int) -> Int {
    let step = Int(CK_COLUMNS)
    return (columns + step - 1) / step * step
  }
}
