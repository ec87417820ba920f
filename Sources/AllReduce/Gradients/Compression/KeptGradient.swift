internal import AllReduceMPI
internal import AllReduceNN

/// What a rank has not sent of its gradients so far, beside the gradient that it is added to: what every partial
/// compression needs.
struct KeptGradient<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  let plan: CompressionPlan<Scalar>
  let kernels = CompressionKernels(ofDouble: Scalar.self == Double.self)
  private let memory: TensorMemory<Scalar>
  private let errorFeedback: Bool

  /// Takes memory to keep `count` numbers.
  init(_ plan: CompressionPlan<Scalar>, _ method: some PartialCompression, count: Int) {
    self.plan = plan
    memory = TensorMemory(count: count)
    errorFeedback = method.errorFeedback
  }

  /// The gradient from a place on.
  func gradient(_ place: Int) -> UnsafeMutablePointer<Scalar> {
    plan.memory.baseAddress.unsafelyUnwrapped + place
  }

  /// The kept elements from a place on.
  func kept(_ place: Int) -> UnsafeMutablePointer<Scalar> {
    memory.values.baseAddress.unsafelyUnwrapped + place
  }

  /// Before more is added: loses what is kept, where that is the way.
  func begin(_ range: Range<Int>) {
    if !errorFeedback { kept(range.lowerBound).setToZero(count: range.count) }
  }
}
