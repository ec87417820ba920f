public import AllReduceMPI
public import AllReduceNN

/// What ``ColumnParallelDense`` and ``RowParallelDense`` share: a rank's shard of a fully connected layer's
/// parameters, the products with it, and memory for the sum over the ranks that either cut needs.
///
/// Parameters: "weight" and "bias", shards by ``BlockPartition``, whose first values are those that a
/// ``Dense`` has there.
public class DividedDense<Scalar: NetworkScalar & ReducibleScalar> {
  /// The numbers of an example's input, on all ranks together.
  public final let inputs: Int
  /// The numbers of an example's output, on all ranks together.
  public final let outputs: Int
  /// The ranks that share the layer.
  public final let communicator: Communicator
  /// This rank's shard of the weight, `[outputs, inputs]`.
  public final let weight: Parameter<Scalar>
  /// The bias, if there is one: this rank's part where outputs are divided, all of it where inputs are.
  public final let bias: Parameter<Scalar>?

  /// The outputs or inputs of this rank.
  final let own: Range<Int>
  final let buffer: ExchangeBuffer<Scalar>
  final var products = DenseProducts<Scalar>()
  private var input: Tensor<Scalar>?

  /// The dimension of the weight that is divided: 0 for outputs, 1 for inputs.
  class var dimension: Int { preconditionFailure("\(self) divides neither outputs nor inputs") }

  /// Creates this rank's shard of a layer. Collective.
  ///
  /// - Parameters:
  ///   - inputs: The numbers of an example's input, on all ranks together.
  ///   - outputs: The numbers of an example's output, on all ranks together.
  ///   - communicator: The ranks that share the layer.
  ///   - bias: Whether a learned number is added to each output.
  ///   - initialization: Of the weights; nil means He's.
  /// - Throws: ``AgreedError`` on every rank if they disagree about the sizes, or are more than there is to
  ///   divide.
  public convenience init(
    inputs: Int, outputs: Int, over communicator: Communicator, bias: Bool = true,
    initialization: Initialization? = nil
  ) throws {
    try self.init(
      sharding: Dense(
        inputs: inputs, outputs: outputs, bias: bias, initialization: initialization),
      over: communicator)
  }

  /// Creates this rank's shard of a layer, with its values if it has some, else its initialization. Collective.
  ///
  /// - Throws: ``AgreedError`` on every rank if they disagree about the sizes, or are more than there is to
  ///   divide.
  public init(sharding dense: Dense<Scalar>, over communicator: Communicator) throws {
    let dimension = Self.dimension
    (inputs, outputs) = (dense.inputs, dense.outputs)
    self.communicator = communicator
    let names = ["outputs", "inputs"]
    let sizes = dense.weight.shape.sizes
    try communicator.requireEqual(
      sizes[1 - dimension], "\(names[1 - dimension]) of a divided layer")
    try communicator.requireShards(of: sizes[dimension], names[dimension])
    let own = BlockPartition(count: sizes[dimension], parts: communicator.size)[communicator.rank]
    self.own = own
    weight = Parameter(sharding: dense.weight, dimension: dimension, range: own)
    bias = dense.bias.map {
      dimension == 0
        ? Parameter(sharding: $0, dimension: 0, range: own) : Parameter(like: $0)
    }
    buffer = ExchangeBuffer(over: communicator)
  }

  /// "Column-parallel dense 784 -> 512 over 2 ranks".
  public final var summary: String {
    "\(Self.dimension == 0 ? "Column" : "Row")-parallel dense \(inputs) -> \(outputs) "
      + "over \(communicator.size) ranks"
  }

  /// "weight" and "bias", if there is one.
  public final var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }
  /// Yes.
  public final var outputMayBeOverwritten: Bool { true }

  /// output = start + input x the shard transposed; keeps the input for the pass back.
  final func multiply(
    _ input: Tensor<Scalar>, from start: Tensor<Scalar>?, to output: Tensor<Scalar>
  ) {
    self.input = input
    products.multiply(input, weight.values, from: start, to: output)
  }

  /// The shape of the latest input.
  final func inputShape(for gradient: Tensor<Scalar>) -> Shape {
    guard let input, input.rows == gradient.rows else {
      preconditionFailure("\(summary): a gradient of \(gradient.shape) follows no such batch")
    }
    return input.shape
  }

  /// The gradients of the shards, from those of the outputs of the latest input; moves what is under way.
  final func learn(_ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, isLast: Bool) throws {
    guard let input else { return }
    try products.learn(weight, bias, from: input, gradient, pass, isLast: isLast)
    communicator.makeProgress()
  }
}
