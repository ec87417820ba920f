import AllReduceNN

/// A sink of closures. A pass does not keep it alive.
final class TestSink<Scalar: NetworkScalar>: GradientSink {
  /// The elements of a piece of every parameter.
  var pieceElements: Int?
  var onUse: (Parameter<Scalar>, Range<Int>) throws -> Void = { _, _ in }
  var onReady: (Parameter<Scalar>, Range<Int>) throws -> Void = { _, _ in }
  var step: (Parameter<Scalar>) -> WeightStep<Scalar>? = { _ in nil }
  var sum: ((UnsafeMutableBufferPointer<Scalar>) -> Void)?
  private(set) var updated: [String] = []

  func pieceElements(of parameter: Parameter<Scalar>) -> Int? { pieceElements }

  func willUse(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws {
    try onUse(parameter, range)
  }

  func isReady(_ parameter: Parameter<Scalar>, _ range: Range<Int>) throws {
    try onReady(parameter, range)
  }

  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>? { step(parameter) }

  func didUpdate(_ parameter: Parameter<Scalar>) { updated.append(parameter.name) }

  func combine(
    _ numbers: UnsafeMutableBufferPointer<Scalar>, for parameter: Parameter<Scalar>
  ) -> Bool {
    sum?(numbers)
    return sum != nil
  }
}
