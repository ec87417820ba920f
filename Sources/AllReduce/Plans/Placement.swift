/// Where the weights of a layer are, and so which activations it takes and gives.
public enum Placement: String, Sendable, CaseIterable, CustomStringConvertible {
  /// Each rank has all weights and its own examples.
  case data
  /// Each rank has all weights, and every rank of a model group does the same work on the group's examples.
  case replicated
  /// Each rank of a model group has the weights of some outputs. Dense layers only.
  case columns
  /// Each rank of a model group has the weights of some inputs. Dense layers only.
  case rows

  /// The name in plans.
  public var description: String { rawValue }

  /// The layout of the activations that the layer takes.
  package var takes: Layout {
    switch self {
    case .data: .batchSharded
    case .replicated, .columns: .replicated
    case .rows: .featureSharded
    }
  }

  /// The layout of the activations that the layer gives.
  package var gives: Layout {
    switch self {
    case .data: .batchSharded
    case .replicated: .replicated
    case .columns: .featureSharded
    case .rows: .partial
    }
  }

  /// The layout of the gradient of its input that the layer gives back.
  package var inputGradient: Layout { self == .columns ? .partial : takes }
}
