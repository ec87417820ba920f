/// A learned tensor and its gradient, which are views of a network's flat memory.
public final class Parameter<Scalar: NetworkScalar> {
  /// The parameter's path in the network, such as "0.weight". The layer gives the last part; the network adds the rest.
  public internal(set) var name: String
  /// The shape of the parameter, or of this shard of it.
  public let shape: Shape
  /// How the initial values are drawn.
  package let initialization: Initialization
  /// Whether weight decay applies to the parameter; false for biases and the parameters of norms.
  package let decays: Bool
  /// The range of a larger parameter that this parameter is a shard of; nil if every process has the whole parameter.
  package let shard: ParameterShard?
  /// The whole parameter's initial values; nil to draw them by ``initialization``.
  let source: Tensor<Scalar>?
  /// The index of the parameter's first element in the network's flat memory.
  package internal(set) var place = 0
  /// The values; a view of memory that the trainer or the network binds.
  public internal(set) var values: Tensor<Scalar>
  /// The gradient of the sum of the batch's losses with respect to the values.
  public internal(set) var gradient: Tensor<Scalar>

  /// Creates a parameter that has no memory yet.
  public convenience init(
    _ name: String, shape: Shape, initialization: Initialization, decays: Bool
  ) {
    self.init(name, shape: shape, shard: nil, initialization: initialization, decays: decays)
  }

  /// Creates a parameter that has no memory yet, with the settings of another. Its initial values are the other's
  /// values, if that one is not a shard and has memory; otherwise they are drawn.
  package convenience init(like other: Parameter) {
    self.init(
      other.name, shape: other.shape, shard: other.shard, initialization: other.initialization,
      decays: other.decays, source: other.values)
  }

  /// Creates a shard of a larger parameter. Its initial values are those of the same elements of the whole parameter.
  ///
  /// - Parameters:
  ///   - name: The name within the layer.
  ///   - shard: The range of the whole parameter that this shard holds.
  ///   - initialization: How the whole parameter's initial values are drawn.
  ///   - source: The whole parameter's initial values; nil, or an empty tensor, to draw them.
  ///   - decays: Whether weight decay applies.
  package convenience init(
    _ name: String, shard: ParameterShard, initialization: Initialization,
    source: Tensor<Scalar>? = nil, decays: Bool
  ) {
    self.init(
      name, shape: shard.shape, shard: shard, initialization: initialization, decays: decays,
      source: source)
  }

  /// Sets the gradient to zero, unless the pass accumulates gradients.
  ///
  /// A layer's `backward` calls this before it adds to the gradient. Zeroing costs one pass over the gradient's memory.
  public func startGradient(in pass: Pass<Scalar>) {
    if !pass.accumulatesGradients { gradient.values.setToZero() }
  }

  /// The shape of the whole parameter, also for a shard.
  package var wholeShape: Shape { shard?.whole ?? shape }

  private init(
    _ name: String, shape: Shape, shard: ParameterShard?, initialization: Initialization,
    decays: Bool, source: Tensor<Scalar>? = nil
  ) {
    self.name = name
    self.shard = shard
    self.source = source.flatMap { $0.shape == (shard?.whole ?? shape) ? $0 : nil }
    self.shape = shape
    self.initialization = initialization
    self.decays = decays
    let none = UnsafeMutableBufferPointer<Scalar>(start: nil, count: 0)
    values = Tensor(none, shape: [0], owner: nil)
    gradient = Tensor(none, shape: [0], owner: nil)
  }
}
