/// A layer (mostly a ``Sequential``) with the memory of its parameters, to be trained.
///
/// A network first has private memory, or none. The trainer binds it to other memory
/// (`bind(values:gradients:owner:adopting:)`); a network that had none until then never takes its place
/// twice.
public final class Network<Scalar: NetworkScalar> {
  /// The root layer.
  package let root: any Layer<Scalar>
  /// The shape of one example's input.
  package let inputShape: Shape
  /// The shape of one example's output.
  package let outputShape: Shape
  /// All parameters, in the order of the forward pass.
  public let parameters: [Parameter<Scalar>]
  /// Where they lie in ``values`` and ``gradients``.
  package let layout: ParameterLayout<Scalar>
  /// All values; gaps are zero.
  package private(set) var values: UnsafeMutableBufferPointer<Scalar>
  /// All gradients, of the sum over the batch; in front of them ``ParameterLayout/reserved`` numbers.
  package private(set) var gradients: UnsafeMutableBufferPointer<Scalar>
  /// The settings and buffers that all layers share in the next pass.
  public let pass = Pass<Scalar>()
  private let seed: UInt64
  private var owner: AnyObject?
  /// The parameters that the network announces to the pass's sink before it computes.
  private let announced: [Parameter<Scalar>]

  /// Makes a network and draws its initial weights.
  ///
  /// - Parameters:
  ///   - root: The layers.
  ///   - input: The shape of one example's input.
  ///   - seed: The seed of initial weights and dropout masks.
  /// - Throws: ``ShapeError`` if the layers do not fit each other or the input.
  public convenience init(_ root: any Layer<Scalar>, input: Shape, seed: UInt64 = 0) throws {
    try self.init(root, input: input, seed: seed, takesMemory: true)
  }

  /// Same as ``init(_:input:seed:)``, for a trainer that gives the network its memory.
  ///
  /// - Parameters:
  ///   - root: The layers.
  ///   - input: The shape of one example's input.
  ///   - seed: The seed of initial weights and dropout masks.
  ///   - reserved: Numbers wanted in front of the gradients.
  ///   - takesMemory: False for a network that has no values, and does nothing, before it is bound to
  ///     memory; then they are drawn there.
  /// - Throws: ``ShapeError`` if the layers do not fit each other or the input.
  package convenience init(
    _ root: any Layer<Scalar>, input: Shape, seed: UInt64 = 0, reserved: Int = 16,
    takesMemory: Bool
  ) throws {
    try self.init(root, input: input, seed: seed, reserved: reserved, takesMemory: takesMemory) {
      _ in 0
    }
  }

  /// A network whose values all come from a file: nothing is drawn, and values are zero until then.
  ///
  /// - Parameters:
  ///   - root: The layers.
  ///   - input: The shape of one example's input.
  /// - Throws: ``ShapeError`` if the layers do not fit each other or the input.
  package convenience init(toLoad root: any Layer<Scalar>, input: Shape) throws {
    try self.init(root, input: input, takesMemory: false)
    takeMemory(adopting: true)
  }

  /// With parameters of one group side by side in memory, the lowest group in front.
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
    // A layout has the last one first.
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

  /// The number of learned numbers.
  package var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.count } }

  /// Draws the first values: the same on every rank for the same seed. Of a part of a parameter only its
  /// own are drawn.
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

  /// Moves the parameters to other memory, values and all.
  ///
  /// A network without memory draws its first values there.
  ///
  /// - Parameters:
  ///   - values: ``ParameterLayout/count`` elements, gaps zero; replaced by the present values.
  ///   - gradients: The same number of elements; left as they are.
  ///   - owner: An object that keeps both alive.
  ///   - adopting: Whether what is in `values` becomes the network's instead, and nothing is written there.
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
    precondition(hasMemory, "the network has to be bound to memory before it computes anything")
    precondition(
      input.shape.example == inputShape,
      "the network takes \(inputShape) an example, not \(input.shape.example)")
    try pass.willUse(announced)
    return try root.forward(input, pass)
  }

  /// Same as ``forward(_:)``, in evaluation mode: dropout drops nothing, batch norm uses its running averages.
  public func predict(_ input: Tensor<Scalar>) throws -> Tensor<Scalar> {
    let wasTraining = pass.isTraining
    pass.isTraining = false
    defer { pass.isTraining = wasTraining }
    return try forward(input)
  }

  /// Computes all parameters' gradients from that of the outputs of the latest forward pass.
  ///
  /// - Parameter gradient: `[batch, ...]`; may be overwritten.
  /// - Throws: The errors of exchanges between ranks, in layers that have some.
  public func backward(_ gradient: Tensor<Scalar>) throws {
    _ = try root.backward(gradient, pass, needsInputGradient: false)
  }

  /// Completes the names of the parameters: "0.weight", "3.shortcut.bias"; and numbers random layers.
  private static func name(_ layer: any Layer<Scalar>, _ path: String, _ randomLayers: inout Int) {
    for parameter in layer.parameters { parameter.name = path + parameter.name }
    if let layer = layer as? any RandomLayer<Scalar> {
      layer.number = randomLayers
      randomLayers += 1
    }
    for (name, child) in layer.children { Network.name(child, path + name + ".", &randomLayers) }
  }
}
