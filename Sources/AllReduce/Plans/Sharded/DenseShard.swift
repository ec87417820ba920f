internal import AllReduceMPI
internal import AllReduceNN

/// A rank's shard of a dense layer's parameters, and the products with it: the base class of ``ColumnShard`` and
/// ``RowShard``.
///
/// The parameters are "weight" and "bias", sharded by ``BlockPartition``. Their initial values are those of the same
/// elements of the whole ``Dense``.
class DenseShard<Scalar: NetworkScalar & ReducibleScalar> {
  /// The whole layer of which this is a shard.
  final let dense: Dense<Scalar>
  /// This rank's shard of the weight, `[outputs, inputs]`.
  final let weight: Parameter<Scalar>
  /// The bias, if there is one: this rank's shard where outputs are sharded, all of it where inputs are.
  final let bias: Parameter<Scalar>?
  /// The range of outputs or inputs of this rank.
  final let own: Range<Int>

  final var products = DenseProducts<Scalar>()
  private let group: Communicator
  private var input: Tensor<Scalar>?

  /// Creates this rank's shard of a layer: of its outputs (dimension 0) or of its inputs (dimension 1).
  init(_ dense: Dense<Scalar>, dimension: Int, over group: Communicator) {
    self.dense = dense
    self.group = group
    own = BlockPartition(count: dense.weight.shape[dimension], parts: group.size)[group.rank]
    weight = Parameter(sharding: dense.weight, dimension: dimension, range: own)
    let own = own
    bias = dense.bias.map {
      dimension == 0
        ? Parameter(sharding: $0, dimension: 0, range: own) : Parameter(like: $0)
    }
  }

  /// The parameters "weight" and, if there is one, "bias".
  final var parameters: [Parameter<Scalar>] { [weight] + (bias.map { [$0] } ?? []) }
  /// True: the output lies in memory of this layer or of an exchange, and `backward` does not read it.
  final var outputMayBeOverwritten: Bool { true }
  /// True: a large weight is used in pieces, each as soon as it has arrived.
  final var announcesUse: Bool { true }

  /// Computes output = start + input * transposed shard, and keeps the input for the backward pass.
  final func multiply(
    _ input: Tensor<Scalar>, from start: Parameter<Scalar>?, to output: Tensor<Scalar>,
    _ pass: Pass<Scalar>
  ) throws {
    self.input = input
    try products.multiply(input, weight, from: start, to: output, pass)
  }

  /// Returns the shape of the latest input, after a check that it has the same number of rows as the gradient.
  final func inputShape(for gradient: Tensor<Scalar>) -> Shape {
    guard let input, input.rows == gradient.rows else {
      preconditionFailure(
        "a shard of \(dense.summary): backward got an output gradient of shape \(gradient.shape), which does not fit "
          + "the batch of the latest forward pass")
    }
    return input.shape
  }

  /// Computes the gradients of the shards from the output gradient of the latest forward pass, and advances the
  /// exchanges in flight.
  final func learn(_ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, isLast: Bool) throws {
    guard let input else { return }
    group.makeProgress()
    try products.learn(weight, bias, from: input, gradient, pass, isLast: isLast)
    group.makeProgress()
  }
}
