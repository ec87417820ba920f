internal import AllReduceMPI
internal import AllReduceNN

/// How the gradients of some parameters become new weights on all ranks that hold them: which ranks add them up,
/// which update what, and how the other ranks get the new weights. The one place where that is decided.
///
/// | conformer | the sum of the gradients | the update | the new weights |
/// |---|---|---|---|
/// | ``ReplicatedExchange`` | all-reduce: every rank has all of it | every rank, all | are there |
/// | ``BlockExchange`` | reduce-scatter: a block a rank | every rank, its block | all-gather |
/// | ``HostExchange`` | read from the memory of the host's ranks, a slice a rank | in the same pass | are written there |
///
/// A step calls, on all ranks of the groups, in this order: ``begin(_:)``, then during the backward pass
/// ``BucketedReduction/isReady(_:)`` of ``reduction``, ``finishSum()``, ``measure(_:)`` where the update needs norms,
/// ``update(_:isMeasured:)``, and ``finish(from:)`` before weights are used.
///
/// Several exchanges, each of a range of the parameters with its own groups, make a ``NetworkExchange``. All ranges
/// are of the network's flat memory.
protocol GradientExchange<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar & ReducibleScalar

  /// The ranks that hold these parameters, and those that add up their gradients.
  var groups: ParameterGroups { get }
  /// The buckets in which gradients travel, which hold all the parameters.
  var reduction: BucketedReduction<Scalar> { get }
  /// The transfers of new weights to this rank and from it; nil where no rank sends any.
  var newWeights: BucketQueue? { get }
  /// The optimizers of the parameters that this rank updates, ascending.
  var updates: [Optimizer<Scalar>] { get }

  /// Begins a step.
  ///
  /// - Parameter step: The optimizer's step, for weights that can be updated within the backward pass
  ///   (``weightStep(for:)``); nil where no step follows, or the step needs norms of the whole gradient first.
  func begin(_ step: OptimizerStep?)

  /// The step for a weight whose gradient need not be computed first (``GradientSink/weightStep(for:)``).
  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>?

  /// Called when a layer has taken the step that ``weightStep(for:)`` gave for this parameter.
  func didUpdate(_ parameter: Parameter<Scalar>)

  /// Ends the exchange of gradients: returns on no rank before every rank has ended its backward pass.
  func finishSum() throws

  /// Adds the sums of squares of the parameters, each element once, the same on all ranks that hold copies
  /// (``Optimizer/addFigures(of:weights:gradient:to:)``). Collective over ``ParameterGroups/copies``.
  func measure(_ squares: UnsafeMutableBufferPointer<Double>) throws

  /// Takes the optimizer's step, and gives all ranks the new weights or begins to. Collective over
  /// ``ParameterGroups/copies``.
  func update(_ step: OptimizerStep, isMeasured: Bool) throws

  /// Waits until this rank has the new weights from an element on.
  func finish(from element: Int) throws
}

/// The defaults, which most exchanges keep.
extension GradientExchange {
  var newWeights: BucketQueue? { nil }
  func begin(_ step: OptimizerStep?) { reduction.begin() }
  func weightStep(for parameter: Parameter<Scalar>) -> WeightStep<Scalar>? { nil }
  func didUpdate(_ parameter: Parameter<Scalar>) {}
  func finishSum() throws { try reduction.finish() }
  func finish(from element: Int) throws {}
}

/// The ranks that a range of the parameters concerns.
struct ParameterGroups {
  /// Which ranks hold a parameter, and which have different examples for it.
  enum Kind: Int {
    /// All ranks hold it, and all have different examples.
    case data
    /// All ranks hold it, and those of a model group have the same examples.
    case replicated
    /// Ranks with the same place in their model group hold the same shard.
    case sharded
  }

  let kind: Kind
  /// The ranks that hold the same piece of the parameters.
  let copies: Communicator
  /// The ranks with different examples, whose gradients are added up: all of `copies`, or where several ranks have
  /// the same examples, one of each model group.
  let sum: Communicator

  init(_ kind: Kind, on grid: Grid) {
    self.kind = kind
    copies = kind == .sharded ? grid.data : grid.world
    sum = kind == .data ? grid.world : grid.data
  }
}

/// How gradients travel.
struct GradientTransport {
  var algorithm = ReductionAlgorithm.automatic
  var compression: any GradientCompression = .none
  var start = ReductionStart.duringBackward
  /// Nil for ``GradientReducer/defaultBucketBytes(hosts:)``.
  var bucketBytes: Int?
}
