/// For which processors a C kernel was compiled; all variants give the same bits.
package enum ProcessorVariant: Int32, Sendable, CaseIterable {
  case scalar, avx2, avx512

  /// The fastest kernels that this processor has; `scalar` is there everywhere.
  static func fastest<Kernels>(_ make: (ProcessorVariant) -> Kernels?) -> Kernels {
    allCases.reversed().lazy.compactMap(make).first!
  }
}
