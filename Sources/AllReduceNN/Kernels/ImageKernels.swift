import CKernels

/// The loops over images of one type of number, in the widest variant that the processor has.
public struct ImageKernels: @unchecked Sendable {
  /// The functions; constant memory.
  let table: UnsafePointer<ck_images>

  /// The loops of a variant; nil if the processor does not have it.
  init?(ofDouble: Bool, variant: Int) {
    let type = ofDouble ? CK_DOUBLE : CK_FLOAT
    guard let table = ck_images_variant(Int32(type), Int32(variant)) else { return nil }
    self.table = table
  }

  init(ofDouble: Bool) {
    let variants = [CK_AVX512, CK_AVX2, CK_SCALAR]
    self = variants.lazy.compactMap { ImageKernels(ofDouble: ofDouble, variant: Int($0)) }.first!
  }

  /// The length of a row of so many columns in panels and start values.
  static func rounded(_ columns: Int) -> Int {
    let step = Int(CK_COLUMNS)
    return (columns + step - 1) / step * step
  }
}
