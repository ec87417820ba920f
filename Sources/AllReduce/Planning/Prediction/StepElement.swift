internal import AllReduceNN

/// A layer, or a conversion after a branch or after the last layer, in the order of the forward pass.
struct StepElement {
  /// The layer; nil for a conversion only.
  let layer: PlannedLayer<Float>?
  let placement: Placement?
  let boundary: Boundary
  let shape: Shape
  let title: String

  /// Returns all elements of a network; the layers of branches follow one after the other.
  static func list(of resolved: ResolvedPlan<Float>) -> [StepElement] {
    var all = list(resolved.layers)
    if !resolved.end.isEmpty { all.append(StepElement(resolved.end, resolved.output, "output")) }
    return all
  }

  private static func list(_ layers: [PlannedLayer<Float>]) -> [StepElement] {
    layers.flatMap { layer -> [StepElement] in
      switch layer.content {
      case .single: return [StepElement(layer)]
      case .row(let inner): return list(inner)
      case .sum(let body, let shortcut):
        return [body, shortcut].flatMap { branch in
          list(branch.layers)
            + (branch.end.isEmpty
              ? [] : [StepElement(branch.end, branch.output, "\(layer.path) sum")])
        }
      }
    }
  }

  init(_ layer: PlannedLayer<Float>) {
    self.layer = layer
    if case .single(let placement) = layer.content {
      self.placement = placement
    } else {
      placement = nil
    }
    boundary = layer.boundary
    shape = layer.input
    title = layer.path.isEmpty ? layer.layer.summary : "\(layer.path) \(layer.layer.summary)"
  }

  private init(_ boundary: Boundary, _ shape: Shape, _ title: String) {
    (layer, placement) = (nil, nil)
    (self.boundary, self.shape, self.title) = (boundary, shape, title)
  }

  var learns: Bool { layer.map { !$0.layer.allParameters.isEmpty } ?? false }
}
