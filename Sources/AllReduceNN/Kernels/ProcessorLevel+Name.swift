internal import CKernels

/// The vector instructions that kernels take on this processor, as output calls them.
package var processorLevelName: String {
  switch ProcessorLevel.current {
  case .scalar: "scalar"
  case .avx2: "avx2"
  case .avx512: "avx512"
  }
}
