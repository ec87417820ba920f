/// Layers one after the other.
public final class Sequential<Scalar: NetworkScalar>: Layer, LayerHints {
  /// The layers, in the order of the forward pass.
  package let layers: [any Layer<Scalar>]

  /// Puts layers in a row, and lets layers that can work in place do so, except the first, whose input may have
  /// other readers.
  public init(_ layers: [any Layer<Scalar>]) {
    self.layers = layers
    for (before, layer) in zip(layers, layers.dropFirst()) where before.givesOutputAway {
      (layer as? any InPlaceLayer<Scalar>)?.worksInPlace = true
    }
  }

  /// Puts layers in a row.
  public convenience init(_ layers: any Layer<Scalar>...) { self.init(layers) }

  /// The layers' summaries, with commas.
  public var summary: String { layers.map(\.summary).joined(separator: ", ") }

  /// The layers, named by their places: "0", "1".
  public var children: [(name: String, layer: any Layer<Scalar>)] {
    layers.enumerated().map { (String($0.offset), $0.element) }
  }

  /// If the last layer's may be.
  package var outputMayBeOverwritten: Bool { layers.last?.givesOutputAway ?? false }

  /// True: it announces each layer's parameters when it gets to the layer.
  package var announcesUse: Bool { true }

  /// The last layer's output shape.
  ///
  /// - Throws: ``ShapeError`` if a layer does not take what the one before gives.
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

  /// Runs the layers in the reverse order, as far down as gradients are needed.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    // What lies before the first parameter needs no gradient when the input needs none.
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

  /// The parameters to announce before a layer computes, for each layer.
  private lazy var announced = layers.map { $0.unannouncedParameters }

  /// The first layer that learns anything.
  private lazy var firstLearning =
    layers.firstIndex { !$0.allParameters.isEmpty } ?? layers.count
}

extension Layer {
  /// The parameters of this layer and of all below it, in the order of the forward pass.
  package var allParameters: [Parameter<Scalar>] {
    parameters + children.flatMap { $0.layer.allParameters }
  }

  /// The buffers of this layer and of all below it, with their paths, such as "1.runningMean".
  package var allBuffers: [(name: String, tensor: Tensor<Scalar>)] {
    buffers
      + children.flatMap { child in
        child.layer.allBuffers.map { (child.name + "." + $0.name, $0.tensor) }
      }
  }
}
