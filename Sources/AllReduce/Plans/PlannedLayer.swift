internal import AllReduceNN

/// A layer in a resolved plan, with the conversion before it and the layout of its output.
struct PlannedLayer<Scalar: NetworkScalar> {
  /// How the plan treats the layer: as one layer, or as the layers that it consists of.
  enum Content {
    /// One layer, with its placement; nil for a layer that takes any layout, such as one on single elements.
    case single(Placement?)
    /// Layers that run one after the other.
    case row([PlannedLayer])
    /// The sum of two branches.
    case sum(body: PlannedBranch<Scalar>, shortcut: PlannedBranch<Scalar>)
  }

  /// The path of the layer in the network.
  let path: String
  /// The layer as the user made it.
  let layer: any Layer<Scalar>
  let content: Content
  /// The conversion of activations from the layer before, and of gradients back to it.
  let boundary: Boundary
  /// The layout of the layer's output.
  let gives: Layout
  /// The shape of one example's input to the layer, with all features.
  let input: Shape
  /// How the all-gather before the layer runs; nil if the plan does not say.
  var run: ConversionRun?

  /// The layout of the layer's input, after the conversion before it.
  var takes: Layout { boundary.taken }

  /// Returns the single layers among `layers` and their children, in the order of the forward pass.
  static func singles(of layers: some Sequence<PlannedLayer>) -> [PlannedLayer] {
    layers.flatMap { layer -> [PlannedLayer] in
      switch layer.content {
      case .single: [layer]
      case .row(let inner): singles(of: inner)
      case .sum(let body, let shortcut):
        singles(of: body.layers) + singles(of: shortcut.layers)
      }
    }
  }
}

/// One branch of a sum of two: the layers from the common input to the sum.
struct PlannedBranch<Scalar: NetworkScalar> {
  /// The layers of the branch; empty for a shortcut that is the input itself.
  let layers: [PlannedLayer<Scalar>]
  /// The conversion between the last layer and the sum.
  let end: Boundary
  /// The shape of one example's output of the branch, with all features.
  let output: Shape
}

/// A plan resolved for a network.
struct ResolvedPlan<Scalar: NetworkScalar> {
  /// The plan, with each layer's placement and the grid.
  let plan: Plan
  /// The sizes of the data-parallel and of the model-parallel dimension.
  let grid: GridShape
  /// The top-level layers; a network that is not a ``Sequential`` has one.
  let layers: [PlannedLayer<Scalar>]
  /// The layout of the network's input: batchSharded where each rank has its own examples, replicated where all ranks
  /// of a model group have the same examples.
  let input: Layout
  /// The conversion between the last layer and the loss.
  let end: Boundary
  /// The shape of one example's output of the network, with all features.
  let output: Shape

  /// All single layers, in the order of the forward pass, each with the conversion before it.
  var singles: [PlannedLayer<Scalar>] { PlannedLayer.singles(of: layers) }

  /// Whether no weight is sharded and no layout changes, so that the network can run without conversions.
  var isDataParallel: Bool {
    input == .batchSharded
      && singles.allSatisfy {
        if case .single(let placement) = $0.content { placement ?? .data == .data } else { false }
      }
  }
}

extension Layer {
  /// Whether the layer works on each element separately, so that its input may have any features and examples.
  var worksOnElements: Bool {
    self is ActivationLayer<Scalar> || self is GELU<Scalar> || self is Dropout<Scalar>
      || self is Flatten<Scalar>
  }
}
