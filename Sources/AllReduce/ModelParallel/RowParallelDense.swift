public import AllReduceMPI
public import AllReduceNN

/// A fully connected layer whose inputs are divided over ranks: each has some columns of the weight, and
/// computes from its inputs a share of every output.
///
/// Y = X A + b with X = [X₁ ... Xₚ] and A divided by rows alike: Y = X₁ A₁ + ... + Xₚ Aₚ + b. Batches of `[own
/// inputs]`, as a ``ColumnParallelDense`` gives them, become batches of `[outputs]`, the same on all ranks:
/// an all-reduce of batch x outputs. Backward nothing travels. Parameters: "weight", `[outputs, own
/// inputs]`, a shard by ``BlockPartition`` whose first values are those that a ``Dense`` has there; and
/// "bias", `[outputs]`, the same on all ranks and added once. Collective.
///
/// Shoeybi et al., "Megatron-LM", 2019.
public final class RowParallelDense<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer {
  /// The numbers of an example's input, on all ranks together.
  public var inputs: Int { shard.inputs }
  /// The numbers of an example's output.
  public var outputs: Int { shard.outputs }
  /// Which inputs this rank has.
  public var ownInputs: Range<Int> { shard.own }
  /// The ranks that share the layer.
  public var communicator: Communicator { shard.communicator }
  /// This rank's columns of the weight.
  public var weight: Parameter<Scalar> { shard.weight }
  /// The bias, if there is one: all of it on every rank.
  public var bias: Parameter<Scalar>? { shard.bias }

  private var shard: DenseShard<Scalar>
  private let record = LayerExchange(.allReduce)
  private var inputGradient = Scratch<Scalar>()

  /// Creates this rank's shard of a layer.
  ///
  /// - Parameters:
  ///   - inputs: The numbers of an example's input, on all ranks together.
  ///   - outputs: The numbers of an example's output.
  ///   - communicator: The ranks that share the layer.
  ///   - bias: Whether a learned number is added to each output.
  ///   - initialization: Of the weights; nil means He's.
  /// - Throws: ``AgreedError`` on every rank if they disagree about the sizes, or are more than inputs.
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
  /// - Throws: ``AgreedError`` on every rank if they disagree about the sizes, or are more than inputs.
  public init(sharding dense: Dense<Scalar>, over communicator: Communicator) throws {
    shard = try DenseShard(dense, dimension: 1, over: communicator)
  }

  /// "Row-parallel dense 512 -> 10 over 2 ranks".
  public var summary: String {
    "Row-parallel dense \(inputs) -> \(outputs) over \(communicator.size) ranks"
  }

  /// "weight" and "bias", if there is one.
  public var parameters: [Parameter<Scalar>] { shard.parameters }
  /// The all-reduce of the outputs.
  public var exchanges: [LayerExchange] { [record] }
  /// Yes.
  public var outputMayBeOverwritten: Bool { true }

  /// The shape of an example's output, `[outputs]`.
  ///
  /// - Throws: ``ShapeError`` if the input is not this rank's part.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [ownInputs.count] else {
      throw ShapeError(
        "\(summary) takes examples of \(Shape([ownInputs.count])) on this rank, not of \(input)")
    }
    return [outputs]
  }

  /// Computes `[batch, outputs]` of `[batch, own inputs]`.
  ///
  /// The product is written where the other ranks of the host can reach it, and added up there.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    let output = try shard.buffer.tensor([input.rows, outputs])
    // Of all shares one has the bias in it.
    shard.multiply(input, from: communicator.isRoot ? bias?.values : nil, to: output)
    try shard.buffer.sum(record, pass)
    return output
  }

  /// The gradients of the shard and the bias, and of this rank's inputs, `[batch, own inputs]`.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    let shape = shard.inputShape(for: gradient, summary)
    // Where the weight may change, the gradient of the inputs, which needs the old one, comes first; else
    // the parameters' come first, which may be on their way meanwhile.
    let isLast = !needsInputGradient || pass.weightStep != nil
    if !isLast { try learn(gradient, pass, isLast: false) }
    var result: Tensor<Scalar>?
    if needsInputGradient {
      let memory = inputGradient.tensor(shape)
      shard.products.multiplyBack(gradient, weight.values, to: memory)
      communicator.makeProgress()
      result = memory
    }
    if isLast { try learn(gradient, pass, isLast: true) }
    return result
  }

  private func learn(_ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, isLast: Bool) throws {
    try shard.learn(gradient, pass, isLast: isLast)
    communicator.makeProgress()
  }
}
