/// How the weights of a layer are placed on the ranks, and so which layouts its input and output have.
public enum Placement: String, Sendable, CaseIterable, CustomStringConvertible {
  /// Each rank has all weights and its own examples.
  case data
  /// Each rank has all weights, and every rank of a model group does the same work on the group's examples.
  case replicated
  /// The outputs are sharded: each rank of a model group has the weights of its shard. Dense layers only.
  case columns
  /// The inputs are sharded: each rank of a model group has the weights of its shard. Dense layers only.
  case rows

  /// The name of the placement in plan files and tables.
  public var description: String { rawValue }

  /// The layout of the layer's input.
  package var takes: Layout {
    switch self {
    case .data: .batchSharded
    case .replicated, .columns: .replicated
    case .rows: .featureSharded
    }
  }

  /// The layout of the layer's output.
  package var gives: Layout {
    switch self {
    case .data: .batchSharded
    case .replicated: .replicated
    case .columns: .featureSharded
    case .rows: .partial
    }
  }

  /// The layout of the input gradient that the layer's backward pass returns.
  package var inputGradient: Layout { self == .columns ? .partial : takes }
}
