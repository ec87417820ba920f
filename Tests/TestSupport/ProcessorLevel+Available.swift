package import CKernels

extension ProcessorLevel {
  /// The levels that this processor has, from `scalar` up.
  package static var available: [ProcessorLevel] {
    [.scalar, .avx2, .avx512].filter { $0.rawValue <= current.rawValue }
  }

  /// How messages of tests call a level.
  package var name: String {
    switch self {
    case .scalar: "scalar"
    case .avx2: "AVX2"
    case .avx512: "AVX-512"
    }
  }
}
