import CKernels

/// A number that layers compute with.
public protocol LayerScalar {
  /// The loops of layers, the fastest that this processor has.
  static var layerLoops: LayerKernels { get }
}

extension Float: LayerScalar {
  /// The loops of layers for 32-bit numbers, the fastest that this processor has.
  public static let layerLoops = LayerKernels(ofDouble: false)
}

extension Double: LayerScalar {
  /// The loops of layers for 64-bit numbers, the fastest that this processor has.
  public static let layerLoops = LayerKernels(ofDouble: true)
}

/// The loops of layers for one type of number: see `layers.h`.
public struct LayerKernels: @unchecked Sendable {
  /// For which processors the loops were written.
  package enum Variant: Int32, Sendable, CaseIterable {
    case scalar, avx2, avx512
  }

  /// The functions; constant memory.
  let table: UnsafePointer<ck_layers>
  /// Which they are.
  package let variant: Variant

  /// The loops in a variant; nil if this processor does not have it.
  package init?(ofDouble: Bool, _ variant: Variant) {
    let type = ofDouble ? CK_DOUBLE : CK_FLOAT
    guard let table = ck_layers_variant(Int32(type), variant.rawValue) else { return nil }
    self.table = table
    self.variant = variant
  }

  /// The fastest loops that this processor has.
  init(ofDouble: Bool) {
    let variants = Variant.allCases.reversed().lazy
    self = variants.compactMap { LayerKernels(ofDouble: ofDouble, $0) }.first!
  }

  /// Whether a product and its addition are rounded once; those that do so give equal bits.
  package var isFused: Bool { table.pointee.fused != 0 }

  /// The batches for which products are faster than the library's.
  static let batches = 8...256

  /// The elements that a product needs.
  static var scratch: Int { Int(CK_SCRATCH) }

  /// The length of a row of so many columns in panels and start values.
  static func rounded(_ columns: Int) -> Int {
    let step = Int(CK_COLUMNS)
    return (columns + step - 1) / step * step
  }
}
