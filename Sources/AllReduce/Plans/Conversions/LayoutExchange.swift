package import AllReduceMPI
package import AllReduceNN

/// One conversion at one boundary: an exchange over a model group that changes the layout of a batch's
/// activations, or of their gradients.
///
/// It is started and finished apart, so that something can be computed in between. A result is valid until the
/// next start. Collective over the group, but for conversions that only take what is there.
package protocol LayoutExchange<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar & ReducibleScalar

  /// What is exchanged, with its traffic and times; nil where nothing is.
  var record: LayerExchange? { get }
  /// Whether the memory of gradients is that of the activations, which must not be needed any more.
  var replacesInput: Bool { get }

  /// Waits for what the memory is still needed for.
  func prepare(_ pass: Pass<Scalar>) throws
  /// Where the input is best written, so that no copy is needed; nil where anywhere is as good.
  func memory(_ shape: Shape) throws -> Tensor<Scalar>?
  /// Begins with an input, `[batch, ...]` in the layout that is left.
  func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws
  /// Ends what was started, and gives the batch in the new layout.
  func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar>
}

extension LayoutExchange {
  package var record: LayerExchange? { nil }
  package var replacesInput: Bool { false }
  package func prepare(_ pass: Pass<Scalar>) {}
  package func memory(_ shape: Shape) throws -> Tensor<Scalar>? { nil }

  /// Starts and ends.
  package func run(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    try prepare(pass)
    try start(input, pass)
    return try finish(pass)
  }
}

extension Conversion {
  /// What carries the conversion out.
  ///
  /// - Parameters:
  ///   - shape: Of one example, all features.
  ///   - batch: Whose examples the ranks of the group have.
  ///   - isBackward: Whether it belongs to the backward pass.
  ///   - type: The elements' type.
  /// - Returns: An exchange with memory of its own.
  package func exchange<Scalar: NetworkScalar & ReducibleScalar>(
    of shape: Shape, _ batch: GroupBatch, isBackward: Bool, as type: Scalar.Type = Scalar.self
  ) -> any LayoutExchange<Scalar> {
    switch self {
    case .gatherExamples: GatherExamples<Scalar>(batch, isBackward: isBackward)
    case .scatterExamples: ScatterExamples<Scalar>(batch, isBackward: isBackward)
    case .takeExamples: TakeExamples<Scalar>(batch)
    case .takeFeatures: TakeFeatures<Scalar>(of: shape.count, batch)
    case .gatherFeatures: GatherFeatures<Scalar>(of: shape.count, batch, isBackward: isBackward)
    case .scatterFeatures: ScatterFeatures<Scalar>(of: shape.count, batch, isBackward: isBackward)
    case .sum: SumOfAddends<Scalar>(batch, isBackward: isBackward)
    case .examplesToFeatures:
      ExamplesToFeatures<Scalar>(of: shape.count, batch, isBackward: isBackward)
    case .featuresToExamples:
      FeaturesToExamples<Scalar>(of: shape.count, batch, isBackward: isBackward)
    }
  }
}

/// What stands between two layers, made for a model group.
struct BoundaryExchange<Scalar: NetworkScalar & ReducibleScalar> {
  /// Of activations; nil for none.
  let forward: (any LayoutExchange<Scalar>)?
  /// Of gradients; nil for none.
  let backward: (any LayoutExchange<Scalar>)?

  init(_ boundary: Boundary, of shape: Shape, _ batch: GroupBatch) {
    forward = boundary.forward?.exchange(of: shape, batch, isBackward: false)
    backward = boundary.backward?.exchange(of: shape, batch, isBackward: true)
  }

  /// What is exchanged, forward first.
  var records: [LayerExchange] { [forward?.record, backward?.record].compactMap { $0 } }
}
