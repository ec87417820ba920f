internal import AllReduceMPI
internal import AllReduceNN

/// The part of its gradients that a rank has not sent so far (its error memory), and the gradient to which it is added.
/// Every partial compression needs both.
struct KeptGradient<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  let plan: CompressionPlan<Scalar>
  let kernels = CompressionKernels(ofDouble: Scalar.self == Double.self)
  private let memory: TensorMemory<Scalar>
  private let errorFeedback: Bool

  /// Creates the error memory, with room for `count` numbers.
  init(_ plan: CompressionPlan<Scalar>, _ method: some PartialCompression, count: Int) {
    self.plan = plan
    memory = TensorMemory(count: count)
    errorFeedback = method.errorFeedback
  }

  /// Returns the address of the gradient's element at `place`.
  func gradient(_ place: Int) -> UnsafeMutablePointer<Scalar> {
    plan.memory.baseAddress.unsafelyUnwrapped + place
  }

  /// Returns the address of the kept element at `place`.
  func kept(_ place: Int) -> UnsafeMutablePointer<Scalar> {
    memory.values.baseAddress.unsafelyUnwrapped + place
  }

  /// Prepares a range of the error memory for an exchange: sets it to zero if there is no error feedback.
  func begin(_ range: Range<Int>) {
    if !errorFeedback { kept(range.lowerBound).setToZero(count: range.count) }
  }
}
