internal import CKernels

/// The name, as printed by the programs, of the vector instructions that the kernels use on this processor.
package var processorLevelName: String {
  switch ProcessorLevel.current {
  case .scalar: "scalar"
  case .avx2: "avx2"
  case .avx512: "avx512"
  }
}
