internal import AllReduceNN

/// A layer with its place in a plan: what stands in front of it, and what it gives.
struct PlannedLayer<Scalar: NetworkScalar> {
  /// The layer's structure, as far as the plan looks into it.
  enum Content {
    /// It runs as it is. Without a placement it works on single elements, and takes any layout.
    case single(Placement?)
    /// Layers one after the other.
    case row([PlannedLayer])
    /// The sum of two branches.
    case sum(body: PlannedBranch<Scalar>, shortcut: PlannedBranch<Scalar>)
  }

  /// The path in the network.
  let path: String
  /// The layer as the user made it.
  let layer: any Layer<Scalar>
  let content: Content
  /// The conversion of activations from the layer before, and of gradients back to it.
  let boundary: Boundary
  /// The layout of what it gives.
  let gives: Layout
  /// The shape of one example's input, all features.
  let input: Shape
  /// How the all-gather in front runs, if the plan says so.
  var run: ConversionRun?

  /// The layout that the layer takes, after what stands in front.
  var takes: Layout { boundary.taken }

  /// The layers, with their children, that run as they are, in the order of the forward pass.
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

/// Layers beside others, from the same input to a sum.
struct PlannedBranch<Scalar: NetworkScalar> {
  /// None for a shortcut that is the input itself.
  let layers: [PlannedLayer<Scalar>]
  /// The conversion between the last layer and the sum.
  let end: Boundary
  /// The shape of one example's output, all features.
  let output: Shape
}

/// A plan worked out for a network.
struct ResolvedPlan<Scalar: NetworkScalar> {
  /// The plan, with each layer's placement and the grid.
  let plan: Plan
  /// The sizes of the data-parallel and of the model-parallel dimension.
  let grid: GridShape
  /// The layers; of a network that is no ``Sequential``, one.
  let layers: [PlannedLayer<Scalar>]
  /// The layout of the input: batchSharded where each rank gives its own examples, replicated where all ranks
  /// of a model group give the same.
  let input: Layout
  /// The conversion between the last layer and the loss.
  let end: Boundary
  /// The shape of one example's output, all features.
  let output: Shape

  /// All layers that are run as they are, in the order of the forward pass, each with what stands in front.
  var singles: [PlannedLayer<Scalar>] { PlannedLayer.singles(of: layers) }

  /// Whether no weight is sharded and nothing changes its layout: the network can run as it is.
  var isDataParallel: Bool {
    input == .batchSharded
      && singles.allSatisfy {
        if case .single(let placement) = $0.content { placement ?? .data == .data } else { false }
      }
  }
}

extension Layer {
  /// Whether a layer works on single elements, so that any features and examples will do.
  var worksOnElements: Bool {
    self is ActivationLayer<Scalar> || self is GELU<Scalar> || self is Dropout<Scalar>
      || self is Flatten<Scalar>
  }
}
