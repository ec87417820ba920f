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
}

/// An exchange that changes the layout of activations or of their gradients.
///
/// The cost of a case is the number of elements that a rank sends, with p ranks, B examples of the group and F features
/// per example.
package enum Conversion: Sendable, CaseIterable {
  /// From batchSharded to replicated; a rank sends (p - 1) * B * F / p elements (see ``Conversion``).
  case gatherExamples
  /// From batchSharded to featureSharded; a rank sends (p - 1) * B * F / p² elements (see ``Conversion``).
  case examplesToFeatures
  /// From replicated to batchSharded; nothing is sent.
  case takeExamples
  /// From replicated to featureSharded; nothing is sent.
  case takeFeatures
  /// From featureSharded to batchSharded; a rank sends (p - 1) * B * F / p² elements (see ``Conversion``).
  case featuresToExamples
  /// From featureSharded to replicated; a rank sends (p - 1) * B * F / p elements (see ``Conversion``).
  case gatherFeatures
  /// From partial to batchSharded; a rank sends (p - 1) * B * F / p elements (see ``Conversion``).
  case scatterExamples
  /// From partial to replicated; a rank sends 2 * (p - 1) * B * F / p elements (see ``Conversion``).
  case sum
  /// From partial to featureSharded; a rank sends (p - 1) * B * F / p elements (see ``Conversion``).
  case scatterFeatures

  /// Creates the conversion from one layout to another; nil if the layouts are equal, or if `to` is partial, which no
  /// conversion produces.
  package init?(from: Layout, to: Layout) {
    switch (from, to) {
    case (.batchSharded, .replicated): self = .gatherExamples
    case (.batchSharded, .featureSharded): self = .examplesToFeatures
    case (.replicated, .batchSharded): self = .takeExamples
    case (.replicated, .featureSharded): self = .takeFeatures
    case (.featureSharded, .batchSharded): self = .featuresToExamples
    case (.featureSharded, .replicated): self = .gatherFeatures
    case (.partial, .batchSharded): self = .scatterExamples
    case (.partial, .replicated): self = .sum
    case (.partial, .featureSharded): self = .scatterFeatures
    case (.batchSharded, .batchSharded), (.replicated, .replicated),
      (.featureSharded, .featureSharded), (_, .partial):
      return nil
    }
  }

  /// The name of the conversion in printed plans and in reports of exchanges.
  package var name: String {
    switch self {
    case .gatherExamples: "all-gather"
    case .examplesToFeatures, .featuresToExamples: "all-to-all"
    case .takeExamples: "take own examples"
    case .takeFeatures: "take own features"
    case .gatherFeatures: "all-gather by features"
    case .scatterExamples: "reduce-scatter by examples"
    case .sum: "all-reduce"
    case .scatterFeatures: "reduce-scatter by features"
    }
  }
}

/// The boundary between two layers: the change of layout of the activations in the forward pass, and of their gradients
/// in the backward pass.
struct Boundary: Equatable, Sendable {
  /// The layout of the output of the layers before the boundary.
  let given: Layout
  /// The layout of the input of the layer after the boundary.
  let taken: Layout
  /// The layout of the input gradient that the next layer's backward pass returns.
  let gradient: Layout

  /// Returns a boundary at which neither the activations nor their gradients change their layout.
  static func none(_ layout: Layout) -> Boundary {
    Boundary(given: layout, taken: layout, gradient: layout.wantedGradient)
  }

  /// The conversion of activations in the forward pass; nil if none is needed.
  var forward: Conversion? { Conversion(from: given, to: taken) }
  /// The conversion of gradients in the backward pass; nil if none is needed.
  var backward: Conversion? { Conversion(from: gradient, to: given.wantedGradient) }
  /// Whether neither the activations nor their gradients need a conversion.
  var isEmpty: Bool { forward == nil && backward == nil }
}
