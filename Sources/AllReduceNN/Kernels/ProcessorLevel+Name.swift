package import CKernels

extension ProcessorLevel {
  /// What output calls it.
  package var name: String {
    switch self {
    case .scalar: "scalar"
    case .avx2: "avx2"
    case .avx512: "avx512"
    }
  }
}
