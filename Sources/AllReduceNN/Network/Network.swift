/// A layer (usually a ``Sequential``) together with the memory of its parameters, for training.
///
/// A network starts with private memory, or with none. The trainer binds it to other memory
/// (`bind(values:gradients:owner:adopting:)`). A network without memory until then never occupies its memory twice.
public final class Network<Scalar: NetworkScalar> {
  /// The root layer.
  package let root: any Layer<Scalar>
  /// The shape of one example's input.
  package let inputShape: Shape
  /// The shape of one example's output.
  package let outputShape: Shape
  /// All parameters, in the order of the forward pass.
  public let parameters: [Parameter<Scalar>]
  /// Where the parameters are in ``values`` and ``gradients``.
  package let layout: ParameterLayout<Scalar>
  /// The values of all parameters in flat memory, in the order of ``layout``; gaps are zero.
  package private(set) var values: UnsafeMutableBufferPointer<Scalar>
  /// The gradients of all parameters, of the sum over the batch; ``ParameterLayout/reserved`` numbers lie in front.
  package private(set) var gradients: UnsafeMutableBufferPointer<Scalar>
  /// The settings and buffers that all layers share in the next pass.
  public let pass = Pass<Scalar>()
  private let seed: UInt64
  private var owner: AnyObject?
  /// The parameters that the network announces to the pass's sink before it computes.
  private let announced: [Parameter<Scalar>]

  /// Creates a network and draws its initial weights.
  ///
  /// - Parameters:
  ///   - root: The layers.
  ///   - input: The shape of one example's input.
  ///   - seed: The seed of initial weights and dropout masks.
  /// - Throws: ``ShapeError`` if the layers do not fit each other or the input.
  public convenience init(_ root: any Layer<Scalar>, input: Shape, seed: UInt64 = 0) throws {
    try self.init(root, input: input, seed: seed, takesMemory: true)
  }

  /// Creates a network, like ``init(_:input:seed:)``, for a trainer that provides the network's memory.
  ///
  /// - Parameters:
  ///   - root: The layers.
  ///   - input: The shape of one example's input.
  ///   - seed: The seed of initial weights and dropout masks.
  ///   - reserved: The number of elements wanted in front of the gradients.
  ///   - takesMemory: Whether the network allocates its own memory. If false, it has no values and cannot compute until
  ///     it is bound to memory; its initial values are drawn then.
  /// - Throws: ``ShapeError`` if the layers do not fit each other or the input.
  package convenience init(
    _ root: any Layer<Scalar>, input: Shape, seed: UInt64 = 0, reserved: Int = 16,
    takesMemory: Bool
  ) throws {
    try self.init(root, input: input, seed: seed, reserved: reserved, takesMemory: takesMemory) {
      _ in 0
    }
  }

  /// Creates a network whose values will all be loaded from a file: none are drawn, and all are zero until loaded.
  ///
  /// - Parameters:
  ///   - root: The layers.
  ///   - input: The shape of one example's input.
  /// - Throws: ``ShapeError`` if the layers do not fit each other or the input.
  package convenience init(toLoad root: any Layer<Scalar>, input: Shape) throws {
    try self.init(root, input: input, takesMemory: false)
    takeMemory(adopting: true)
  }

  /// Creates a network whose parameters lie in memory by group: those of one group are contiguous, the lowest group
  /// first.
  package init(
    _ root: any Layer<Scalar>, input: Shape, seed: UInt64, reserved: Int = 16, takesMemory: Bool,
    group: (Parameter<Scalar>) -> Int
  ) throws {
    self.root = root
    inputShape = input
    outputShape = try root.outputShape(for: input)
    var randomLayers = 0
    Network.name(root, "", &randomLayers)
    parameters = root.allParameters
    announced = root.unannouncedParameters
    // A layout puts the last parameter first.
    let groups = Dictionary(grouping: parameters, by: group)
    layout = ParameterLayout(
      groups.keys.sorted(by: >).flatMap { groups[$0] ?? [] }, reserved: reserved)
    values = UnsafeMutableBufferPointer(start: nil, count: 0)
    gradients = values
    self.seed = seed
    pass.seed = seed
    if takesMemory { takeMemory(adopting: false) }
  }

  private func takeMemory(adopting: Bool) {
    let memory = TensorMemory<Scalar>(count: 2 * layout.count)
    bind(
      values: UnsafeMutableBufferPointer(rebasing: memory.values[0..<layout.count]),
      gradients: UnsafeMutableBufferPointer(rebasing: memory.values[layout.count...]),
      owner: memory, adopting: adopting)
  }

  /// Whether the network has memory, and so values.
  package var hasMemory: Bool { owner != nil }

  /// The number of elements of all parameters.
  package var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.count } }

  /// Draws the initial values, which are the same on every rank for the same seed. For a shard of a parameter, only the
  /// shard's elements are drawn.
  package func initialize(seed: UInt64) {
    let random = Philox(seed: seed)
    for (number, parameter) in parameters.enumerated() {
      let whole = ParameterShard(of: parameter.shape.batch(of: 1), dimension: 0, range: 0..<1)
      (parameter.shard ?? whole).forEachRun { elements, start in
        let values = UnsafeMutableBufferPointer(rebasing: parameter.values.values[elements])
        if let source = parameter.source {
          _ = values.update(fromContentsOf: source.values[start..<start + elements.count])
        } else {
          parameter.initialization.fill(
            values, from: start, random: random, stream: UInt64(number))
        }
      }
    }
  }

  /// Moves the parameters, with their values, to other memory.
  ///
  /// A network that had no memory draws its initial values there.
  ///
  /// - Parameters:
  ///   - values: Memory of ``ParameterLayout/count`` elements, with zeros in the gaps; overwritten with the network's
  ///     values.
  ///   - gradients: Memory of the same number of elements; left unchanged.
  ///   - owner: An object that keeps both alive.
  ///   - adopting: Whether the network takes over the values that are already in `values`, instead of overwriting them.
  package func bind(
    values: UnsafeMutableBufferPointer<Scalar>, gradients: UnsafeMutableBufferPointer<Scalar>,
    owner: AnyObject, adopting: Bool = false
  ) {
    let isFirst = !hasMemory
    if !adopting, !isFirst { _ = values.update(fromContentsOf: self.values) }
    self.values = values
    self.gradients = gradients
    layout.bind(values: values, gradients: gradients, owner: owner)
    self.owner = owner
    if !adopting, isFirst { initialize(seed: seed) }
  }

  /// Computes the outputs of a batch, `[batch, ...]`; valid until the next pass.
  public func forward(_ input: Tensor<Scalar>) throws -> Tensor<Scalar> {
    precondition(hasMemory, "the network must be bound to memory before it computes anything")
    precondition(
      input.shape.example == inputShape,
      "each example must be \(inputShape), the network's input, not \(input.shape.example)")
    try pass.willUse(announced)
    return try root.forward(input, pass)
  }

  /// Computes the outputs of a batch in evaluation mode: dropout drops nothing, batch norm uses its running averages.
  /// Otherwise the same as ``forward(_:)``.
  public func predict(_ input: Tensor<Scalar>) throws -> Tensor<Scalar> {
    let wasTraining = pass.isTraining
    pass.isTraining = false
    defer { pass.isTraining = wasTraining }
    return try forward(input)
  }

  /// Computes the gradients of all parameters from the gradient of the latest forward pass's outputs.
  ///
  /// - Parameter gradient: The gradient of the outputs, `[batch, ...]`; may be overwritten.
  /// - Throws: The errors of exchanges between ranks, in layers that exchange data.
  public func backward(_ gradient: Tensor<Scalar>) throws {
    _ = try root.backward(gradient, pass, needsInputGradient: false)
  }

  /// Prefixes the parameters' names with their paths ("0.weight", "3.shortcut.bias"), and numbers the random layers.
  private static func name(_ layer: any Layer<Scalar>, _ path: String, _ randomLayers: inout Int) {
    for parameter in layer.parameters { parameter.name = path + parameter.name }
    if let layer = layer as? any RandomLayer<Scalar> {
      layer.number = randomLayers
      randomLayers += 1
    }
    for (name, child) in layer.children { Network.name(child, path + name + ".", &randomLayers) }
  }
}
