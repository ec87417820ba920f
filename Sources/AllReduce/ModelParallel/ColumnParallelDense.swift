public import AllReduceMPI
public import AllReduceNN

/// A fully connected layer whose outputs are divided over ranks: each has some rows of the weight, and
/// computes those outputs from the whole input.
///
/// Y = X A + b with A = [A₁ ... Aₚ] by columns: Yᵢ = X Aᵢ + bᵢ. Batches of `[inputs]`, the same on all ranks,
/// give batches of `[own outputs]`. Forward nothing travels; backward the input's gradient is a sum over
/// the ranks: an all-reduce of batch x inputs, which goes on while the gradient of the weight is computed.
/// Parameters: "weight", `[own outputs, inputs]`, and "bias", `[own outputs]`, shards by ``BlockPartition``,
/// whose first values are those that a ``Dense`` has there. Collective.
///
/// Shoeybi et al., "Megatron-LM: training multi-billion parameter language models using model
/// parallelism", 2019.
public final class ColumnParallelDense<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer {
  /// The numbers of an example's input.
  public var inputs: Int { shard.inputs }
  /// The numbers of an example's output, on all ranks together.
  public var outputs: Int { shard.outputs }
  /// Which outputs this rank computes.
  public var ownOutputs: Range<Int> { shard.own }
  /// The ranks that share the layer.
  public var communicator: Communicator { shard.communicator }
  /// This rank's rows of the weight.
  public var weight: Parameter<Scalar> { shard.weight }
  /// This rank's part of the bias, if there is one.
  public var bias: Parameter<Scalar>? { shard.bias }

  /// Whether somebody else adds up the ranks' shares of the input's gradient, not this layer.
  var sharesInputGradient = false
  /// Who does, in the present pass.
  var sharedGradient: SharedInputGradient<Scalar>?

  private var shard: DenseShard<Scalar>
  private let record = LayerExchange(.allReduce, backward: true)
  private var output = Scratch<Scalar>()

  /// Creates this rank's shard of a layer.
  ///
  /// - Parameters:
  ///   - inputs: The numbers of an example's input.
  ///   - outputs: The numbers of an example's output, on all ranks together.
  ///   - communicator: The ranks that share the layer.
  ///   - bias: Whether a learned number is added to each output.
  ///   - initialization: Of the weights; nil means He's.
  /// - Throws: ``AgreedError`` on every rank if they disagree about the sizes, or are more than outputs.
  public convenience init(
    inputs: Int, outputs: Int, over communicator: Communicator, bias: Bool = true,
    initialization: Initialization? = nil
  ) throws {
    try self.init(
      sharding: Dense(
        inputs: inputs, outputs: outputs, bias: bias, initialization: initialization),
      over: communicator)
  }

  /// Creates this rank's shard of a layer, with its values if it has some, else its initialization.
  ///
  /// - Throws: ``AgreedError`` on every rank if they disagree about the sizes, or are more than outputs.
  public init(sharding dense: Dense<Scalar>, over communicator: Communicator) throws {
    shard = try DenseShard(dense, dimension: 0, over: communicator)
  }

  /// "Column-parallel dense 784 -> 512 over 2 ranks".
  public var summary: String {
    "Column-parallel dense \(inputs) -> \(outputs) over \(communicator.size) ranks"
  }

  /// "weight" and "bias", if there is one.
  public var parameters: [Parameter<Scalar>] { shard.parameters }
  /// The all-reduce of the input's gradient, if this layer does it.
  public var exchanges: [LayerExchange] { sharesInputGradient ? [] : [record] }
  /// Yes.
  public var outputMayBeOverwritten: Bool { true }

  /// The shape of an example's output on this rank.
  ///
  /// - Throws: ``ShapeError`` if the layer does not take such an input.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [inputs] else {
      throw ShapeError("\(summary) takes examples of \(Shape([inputs])), not of \(input)")
    }
    return [ownOutputs.count]
  }

  /// Computes this rank's outputs, `[batch, own outputs]`, of `[batch, inputs]`.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let output = output.tensor([input.rows, ownOutputs.count])
    shard.multiply(input, from: bias?.values, to: output)
    return output
  }

  /// The gradients of the shards, and of the input, `[batch, inputs]`, summed over the ranks.
  ///
  /// The input's comes first here, other than in layers that exchange nothing: its sum is on its way while
  /// the weight's is computed.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let shape = shard.inputShape(for: gradient, summary)
    guard needsInputGradient else {
      try learn(gradient, pass)
      return nil
    }
    guard let shared = sharedGradient else {
      let result = try shard.buffer.tensor(shape)
      shard.products.multiplyBack(gradient, weight.values, to: result)
      let pending = try shard.buffer.startSum()
      try learn(gradient, pass)
      try shard.buffer.finishSum(pending, record, pass)
      return result
    }
    try shared.begin()
    if shared.replacesInput { try learn(gradient, pass) }
    let result = try shared.memory(shape)
    shard.products.multiplyBack(gradient, weight.values, to: result)
    try shared.isWritten()
    if !shared.replacesInput { try learn(gradient, pass) }
    return result
  }

  private func learn(_ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    communicator.makeProgress()
    try shard.learn(gradient, pass, isLast: true)
    communicator.makeProgress()
  }
}
