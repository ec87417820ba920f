public import AllReduceMPI
public import AllReduceNN

/// A network's layers with divided dense layers: all of it, or what follows the convolutions.
///
/// In front of a ``Transition`` each rank has its own examples and all weights; behind it all ranks of a
/// model group have the group's examples, and each a shard of the weights. Parameters and random layers are
/// in the order of the whole network, so that first values and masks are the same on any number of ranks.
public final class SplitNetwork<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer {
  /// The layers that are divided by data; nil if there are none.
  public let front: Sequential<Scalar>?
  /// The layers that are divided by weights.
  public let back: Sequential<Scalar>
  /// How activations get from the one to the other; nil without a front.
  public let transition: Transition?
  /// The classes that are divided over the ranks at the end; nil if all ranks have all outputs.
  public let dividedOutputs: Int?

  /// The places of the layers of ``back`` in the whole row.
  private let backPlaces: [Int]
  let exchange: RowExchange<Scalar>
  let gathering: LayerExchange
  let scattering: LayerExchange
  let communicator: Communicator
  /// The numbers of an example that go through the transition.
  let joint: Int
  /// The layer behind the transition.
  let firstDivided: ColumnParallelDense<Scalar>?

  /// Divides layers. Collective.
  ///
  /// - Parameters:
  ///   - layers: Whole ones; the dense ones are replaced.
  ///   - input: The shape of one example's input.
  ///   - communicator: The ranks that share the weights.
  ///   - transition: Nil to divide weights only; else what comes before the first dense layer is divided
  ///     by data.
  /// - Throws: ``AgreedError`` on every rank if layers cannot be divided over so many, or ranks disagree
  ///   about their sizes; ``ShapeError`` if layers do not fit each other.
  public init(
    _ layers: [any Layer<Scalar>], input: Shape, over communicator: Communicator,
    transition: Transition? = nil
  ) throws {
    let cut = transition == nil ? 0 : layers.firstIndex { $0 is Dense<Scalar> } ?? layers.count
    try communicator.requireEqual(layers.count, "layers of the network")
    try communicator.agreeing {
      guard transition == nil || cut < layers.count else {
        throw ModelParallelError(
          description:
            "None of the \(layers.count) layers is dense: there are no weights to divide "
            + "over \(communicator.size) ranks.")
      }
    }
    let joint = try layers[..<cut].reduce(input) { try $1.outputShape(for: $0) }
    let sharding = try LayerSharding(Array(layers[cut...]), input: joint, over: communicator)
    front = transition == nil ? nil : Sequential(Array(layers[..<cut]))
    back = Sequential(sharding.layers)
    backPlaces = sharding.places.map { cut + $0 }
    dividedOutputs = sharding.dividedWidth
    self.transition = transition
    self.joint = joint.count
    let scheme = transition ?? .a
    gathering = LayerExchange(scheme == .b ? .broadcast : .allGather)
    scattering = LayerExchange(scheme == .b ? .reduce : .reduceScatter, backward: true)
    // A group of messages of its own: what is on its way here does not wait for the layers' exchanges.
    self.communicator = transition == nil ? communicator : try communicator.duplicate()
    exchange = RowExchange(over: self.communicator)
    firstDivided = sharding.first
    if front != nil { sharding.first?.sharesInputGradient = true }
  }

  /// The elements of memory that the transition has for examples and their gradients.
  package var transitionCapacity: Int { exchange.capacity }

  /// The layers' summaries, with the transition between them.
  public var summary: String {
    front == nil ? "Divided layers" : "Divided layers, transition \(transition ?? .a)"
  }

  /// The layers, named by their places in the row of whole ones: parameters are called as those that they
  /// are parts of.
  public var children: [(name: String, layer: any Layer<Scalar>)] {
    (front?.children ?? []) + zip(backPlaces, back.layers).map { (String($0), $1) }
  }

  /// The transition's.
  public var exchanges: [LayerExchange] { front == nil ? [] : [gathering, scattering] }

  /// The shape of an example's output on this rank.
  ///
  /// - Throws: ``ShapeError`` if a layer does not take what the one before gives.
  public func outputShape(for input: Shape) throws -> Shape {
    try back.outputShape(for: front?.outputShape(for: input) ?? input)
  }

  /// Computes the outputs of the examples of all ranks, from this rank's own; without a front, of the
  /// examples that all have. Collective.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    guard let front else { return try back.forward(input, pass) }
    let activations = try front.forward(input, pass)
    let rows = try communicator.allGatherNatively(input.rows)
    try exchange.startGather(
      activations, TransitionTurn(rows.map { 0..<$0 }), in: 0, gathering, pass)
    return try back.forward(try exchange.finishGather(gathering, pass), pass)
  }

  /// Computes the gradients, without a front; with one, ``ModelParallel`` runs the turns.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    precondition(front == nil, "ModelParallel trains networks with a transition")
    return try back.backward(gradient, pass, needsInputGradient: needsInputGradient)
  }
}
