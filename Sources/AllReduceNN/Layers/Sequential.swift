/// A sequence of layers; each takes the output of the one before.
public final class Sequential<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The layers, in the order of the forward pass.
  package let layers: [any Layer<Scalar>]

  /// Creates a sequence of layers. A layer that can work in place does so if the layer before allows its output to be
  /// overwritten. The first layer never does, since its input may have other readers.
  public init(_ layers: [any Layer<Scalar>]) {
    self.layers = layers
    for (before, layer) in zip(layers, layers.dropFirst()) where before.givesOutputAway {
      (layer as? any InPlaceLayer<Scalar>)?.worksInPlace = true
    }
  }

  /// Creates a sequence of layers.
  public convenience init(_ layers: any Layer<Scalar>...) { self.init(layers) }

  /// The layers' summaries, separated by commas.
  public var summary: String { layers.map(\.summary).joined(separator: ", ") }

  /// The layers, named by their indices: "0", "1".
  public var children: [(name: String, layer: any Layer<Scalar>)] {
    layers.enumerated().map { (String($0.offset), $0.element) }
  }

  /// Whether the last layer's output may be overwritten.
  package var outputMayBeOverwritten: Bool { layers.last?.givesOutputAway ?? false }

  /// True: it announces each layer's parameters just before that layer's forward pass.
  package var announcesUse: Bool { true }

  /// Returns the last layer's output shape.
  ///
  /// - Throws: ``ShapeError`` if a layer does not accept the output of the layer before it.
  public func outputShape(for input: Shape) throws -> Shape {
    try layers.reduce(input) { try $1.outputShape(for: $0) }
  }

  /// Runs the layers one after the other.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    var values = input
    for (index, layer) in layers.enumerated() {
      try pass.willUse(announced[index])
      let start = pass.recorder.map { _ in SpanRecorder.now() }
      values = try layer.forward(values, pass)
      if let start { pass.recorder?.add(layer, from: start) }
    }
    return values
  }

  /// Runs the layers' backward passes in the reverse order. If the input's gradient is not needed, stops at the first
  /// layer with parameters.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    // Layers before the first parameter need no backward pass if the input's gradient is not needed.
    let first = needsInputGradient ? 0 : firstLearning
    var gradient = gradient
    for index in layers.indices.reversed() where index >= first {
      let start = pass.recorder.map { _ in SpanRecorder.now() }
      let next = try layers[index].backward(
        gradient, pass, needsInputGradient: needsInputGradient || index > first)
      if let start { pass.recorder?.add(layers[index], from: start) }
      guard let next else { return nil }
      gradient = next
    }
    return needsInputGradient ? gradient : nil
  }

  /// For each layer, the parameters to announce before its forward pass.
  private lazy var announced = layers.map { $0.unannouncedParameters }

  /// The index of the first layer with parameters; the number of layers if there are none.
  private lazy var firstLearning =
    layers.firstIndex { !$0.allParameters.isEmpty } ?? layers.count
}

extension Layer {
  /// The parameters of this layer and of all its descendants, in the order of the forward pass.
  package var allParameters: [Parameter<Scalar>] {
    parameters + children.flatMap { $0.layer.allParameters }
  }

  /// The buffers of this layer and of all its descendants, with their paths, such as "1.runningMean".
  package var allBuffers: [(name: String, tensor: Tensor<Scalar>)] {
    buffers
      + children.flatMap { child in
        child.layer.allBuffers.map { (child.name + "." + $0.name, $0.tensor) }
      }
  }
}
