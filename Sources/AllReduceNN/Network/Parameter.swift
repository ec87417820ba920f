/// A learned tensor and its gradient: views of a network's flat memory.
public final class Parameter<Scalar: NetworkScalar> {
  /// Its path in the network, such as "0.weight"; the network completes it.
  public internal(set) var name: String
  /// Its sizes.
  public let shape: Shape
  /// How its first values are drawn.
  package let initialization: Initialization
  /// Whether weight decay applies; not to biases and norms.
  package let decays: Bool
  /// The shard of a larger parameter that this is; nil for a whole one, which every process has.
  package let shard: ParameterShard?
  /// The whole parameter's values to begin with, instead of drawn ones.
  let source: Tensor<Scalar>?
  /// Where its elements begin in the network's flat memory.
  package internal(set) var place = 0
  /// The values; bound by the trainer or the network.
  public internal(set) var values: Tensor<Scalar>
  /// The gradient of the sum of the batch's losses.
  public internal(set) var gradient: Tensor<Scalar>

  /// Creates a parameter that has no memory yet.
  public convenience init(
    _ name: String, shape: Shape, initialization: Initialization, decays: Bool
  ) {
    self.init(name, shape: shape, shard: nil, initialization: initialization, decays: decays)
  }

  /// Creates a parameter that has no memory yet, and begins as another does: with its values, if it has
  /// memory.
  package convenience init(like other: Parameter) {
    self.init(
      other.name, shape: other.shape, shard: other.shard, initialization: other.initialization,
      decays: other.decays, source: other.values)
  }

  /// Creates a part of a parameter, whose first values are those of the same elements of the whole one.
  ///
  /// - Parameters:
  ///   - name: Its name within its layer.
  ///   - shard: The shard.
  ///   - initialization: How the whole one's first values are drawn.
  ///   - source: The whole one's values, to begin with these instead; nil or empty to draw.
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
  /// A layer's `backward` calls this before it adds to the gradient. Setting it to zero costs a pass over it.
  public func startGradient(in pass: Pass<Scalar>) {
    if !pass.accumulatesGradients { gradient.values.setToZero() }
  }

  /// The sizes of the whole parameter.
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
