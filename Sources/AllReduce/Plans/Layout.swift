/// How the activations between two layers are distributed over the ranks of a model group.
///
/// The terms are those of DTensor and GSPMD. The gradients of activations have layouts too.
package enum Layout: String, Sendable, CaseIterable, CustomStringConvertible {
  /// Each rank has its own examples, with all their features.
  case batchSharded
  /// Every rank has all examples of the group, with all their features.
  case replicated
  /// Every rank has all examples of the group, and its shard of their features.
  case featureSharded
  /// Every rank has an addend for all examples and features; the activations are the sum of the ranks' addends.
  case partial

  /// The name of the layout in a plan's table.
  package var description: String { rawValue }

  /// The layout in which a layer needs the gradient of its output, where the output has this layout.
  ///
  /// The gradient with respect to an addend equals the gradient with respect to the sum, so a layer whose output is
  /// partial needs the whole gradient on every rank.
  package var wantedGradient: Layout { self == .partial ? .replicated : self }

  /// The dimension of a batch that is divided over the ranks; nil if each rank has all of it, or an addend of it.
  package var sharded: BatchDimension? {
    switch self {
    case .batchSharded: .examples
    case .featureSharded: .features
    case .replicated, .partial: nil
    }
  }
}

/// The dimensions along which a batch is divided over ranks.
package enum BatchDimension: String, Sendable { case examples, features }
