package import CKernels

/// The loops of layers for one type of number: see `layers.h`.
package struct LayerKernels: @unchecked Sendable {
  /// The functions; constant memory.
  let table: UnsafePointer<ck_layers>
  /// The level that they were compiled for.
  package let level: ProcessorLevel

  /// The loops at a level that this processor has.
  package init(ofDouble: Bool, _ level: ProcessorLevel = .current) {
    table = ck_layers_at(level, Int32(ofDouble ? CK_DOUBLE : CK_FLOAT))!
    self.level = level
  }

  /// Whether a product and its addition are rounded once; those that do so give equal bits.
  package var isFused: Bool { table.pointee.fused != 0 }

  /// The batches for which products are faster than the library's.
  static let batches = 8...256

  /// The elements that a product needs.
  static var scratch: Int { Int(CK_SCRATCH) }

  /// The length of a row of this many columns in panels and start values.
  static func rounded(_ columns: Int) -> Int {
    let step = Int(CK_COLUMNS)
    return (columns + step - 1) / step * step
  }
}
