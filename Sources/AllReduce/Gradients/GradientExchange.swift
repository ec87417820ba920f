internal import AllReduceMPI
internal import AllReduceNN

/// How the gradients of some parameters become new weights on all ranks that hold the parameters. The exchange alone
/// decides which ranks sum the gradients, which ranks update which weights, and how the other ranks get the new
/// weights.
///
/// | conformer | the sum of the gradients | the update | the new weights |
/// |---|---|---|---|
/// | ``ReplicatedExchange`` | all-reduce: whole on every rank | of all weights, on every rank | already on every rank |
/// | ``BlockExchange`` | reduce-scatter: one block per rank | of its block, on every rank | all-gather |
/// | ``HostExchange`` | read from the host's memory: one slice per rank | in the same pass | written in that pass |
///
/// A step calls, on all ranks of the groups, in this order: ``begin(_:)``, then during the backward pass
/// ``BucketedReduction/isReady(_:)`` of ``reduction``, ``finishSum()``, ``measure(_:)`` where the update needs norms,
/// ``update(_:isMeasured:)``, and ``finish(from:)`` before weights are used.
///
/// A ``NetworkExchange`` has one or more exchanges, each for a range of the parameters with its own groups. All ranges
/// are ranges of elements of the network's flat memory.
protocol GradientExchange<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar & ReducibleScalar

  /// The ranks that hold these parameters, and the ranks that sum their gradients.
  var groups: ParameterGroups { get }
  /// The reduction of the gradients, in buckets that together hold all the parameters.
  var reduction: BucketedReduction<Scalar> { get }
  /// The transfers of new weights to and from this rank; nil where no rank sends new weights.
  var newWeights: BucketQueue? { get }
  /// The optimizers of the parameters that this rank updates, in ascending order of their ranges.
  var updates: [Optimizer<Scalar>] { get }

  /// Begins a step.
  ///
  /// - Parameter step: The optimizer's step, for weights that can be updated within the backward pass
  ///   (``weightStep(for:)``); nil where no step follows, or the step needs norms of the whole gradient first.
  func begin(_ step: OptimizerStep?)

  /// Returns the optimizer's step for a weight, if the layer may take the step instead of computing the gradient first
  /// (``GradientSink/weightStep(for:)``); nil otherwise.
  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>?

  /// Called when a layer has taken the step that ``weightStep(for:)`` returned for this parameter.
  func didUpdate(_ parameter: Parameter<Scalar>)

  /// Completes the sum of the gradients; returns on no rank before every rank has finished its backward pass.
  func finishSum() throws

  /// Adds the squares of the parameters to `squares` (``Optimizer/addFigures(of:weights:gradient:to:)``). Each element
  /// counts once, and all ranks that hold copies get the same sums. Collective over ``ParameterGroups/copies``.
  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws

  /// Takes the optimizer's step, and makes the new weights available to all ranks, or starts to. Collective over
  /// ``ParameterGroups/copies``.
  func update(_ step: OptimizerStep, isMeasured: Bool) throws

  /// Waits until this rank has the new weights from `element` to the end of the range.
  func finish(from element: Int) throws
}

/// Default implementations, which most exchanges keep.
extension GradientExchange {
  var newWeights: BucketQueue? { nil }
  func begin(_ step: OptimizerStep?) { reduction.begin() }
  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>? { nil }
  func didUpdate(_ parameter: Parameter<Scalar>) {}
  func finishSum() throws { try reduction.finish() }
  func finish(from element: Int) throws {}
}

/// The groups of ranks for a range of the parameters: the ranks that hold it, and the ranks that sum its gradients.
struct ParameterGroups {
  /// Which ranks hold a parameter, and which have different examples for it.
  enum Kind: Int {
    /// All ranks hold the parameter, and all have different examples.
    case data
    /// All ranks hold the parameter, and the ranks of a model group have the same examples.
    case replicated
    /// The ranks with the same index in their model groups hold the same shard of the parameter.
    case sharded
  }

  let kind: Kind
  /// The ranks that hold the same parameters, or the same shard of them, as this rank.
  let copies: Communicator
  /// The ranks whose gradients are summed, because they have different examples: all of `copies`, or one rank of each
  /// model group where the ranks of a model group have the same examples.
  let sum: Communicator

  init(_ kind: Kind, on grid: Grid) {
    self.kind = kind
    copies = kind == .sharded ? grid.data : grid.world
    sum = kind == .data ? grid.world : grid.data
  }
}

/// How gradients are reduced: the algorithm, the compression, the start and the bucket size.
struct GradientTransport {
  var algorithm = ReductionAlgorithm.automatic
  var compression: any GradientCompression = .none
  var start = ReductionStart.duringBackward
  /// The largest number of bytes of a bucket; nil for ``GradientReducer/defaultBucketBytes(hosts:)``.
  var bucketBytes: Int?
}
