/// A number that networks compute with: `Float`, and `Double` for checks and small problems.
///
/// The requirements are kernels: loops over memory that check nothing, each called once for many
/// elements. Layers check shapes and call them.
public protocol NetworkScalar: BLASScalar {
  /// Loops over images, for this processor.
  static var images: ImageKernels { get }
}

extension Float: NetworkScalar {
  /// Loops over images of 32-bit numbers, for this processor.
  public static let images = ImageKernels(ofDouble: false)
}

extension Double: NetworkScalar {
  /// Loops over images of 64-bit numbers, for this processor.
  public static let images = ImageKernels(ofDouble: true)
}
