internal import AllReduceMPI
internal import AllReduceNN

/// What a rank has of a dense layer that is divided by outputs or by inputs: its shard of the parameters,
/// the products with it, and memory for the sum over the ranks that either cut needs.
struct DenseShard<Scalar: NetworkScalar & ReducibleScalar> {
  let inputs: Int
  let outputs: Int
  /// The outputs or inputs of this rank.
  let own: Range<Int>
  let communicator: Communicator
  let weight: Parameter<Scalar>
  let bias: Parameter<Scalar>?
  let buffer: ExchangeBuffer<Scalar>
  var products = DenseProducts<Scalar>()
  private var input: Tensor<Scalar>?

  /// Takes this rank's shard of a whole layer: with its values if it has some, else its initialization.
  ///
  /// - Parameters:
  ///   - dense: The whole layer.
  ///   - dimension: Of the weight, which is divided: 0 for outputs, 1 for inputs.
  ///   - communicator: The ranks that share the layer.
  /// - Throws: ``AgreedError`` on every rank if they disagree about the sizes, or are more than these.
  init(_ dense: Dense<Scalar>, dimension: Int, over communicator: Communicator) throws {
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

  /// "weight" and "bias", if there is one.
  var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }

  /// output = start + input x the shard transposed; keeps the input for the pass back.
  mutating func multiply(
    _ input: Tensor<Scalar>, from start: Tensor<Scalar>?, to output: Tensor<Scalar>
  ) {
    self.input = input
    products.multiply(input, weight.values, from: start, to: output)
  }

  /// The shape of the latest input.
  func inputShape(for gradient: Tensor<Scalar>, _ summary: String) -> Shape {
    guard let input, input.rows == gradient.rows else {
      preconditionFailure("\(summary): a gradient of \(gradient.shape) follows no such batch")
    }
    return input.shape
  }

  /// The gradients of the shards, from those of the outputs of the latest input.
  mutating func learn(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, isLast: Bool
  ) throws {
    guard let input else { return }
    try products.learn(weight, bias, from: input, gradient, pass, isLast: isLast)
  }
}
