/// How the activations at a boundary between two layers lie over the ranks of a model group.
///
/// The terms are those of DTensor and GSPMD. Gradients have layouts too.
package enum Layout: String, Sendable, CaseIterable, CustomStringConvertible {
  /// Each rank has its own examples, with all their features.
  case batchSharded
  /// Every rank has all examples of the group, with all their features.
  case replicated
  /// Every rank has all examples of the group, and its shard of their features.
  case featureSharded
  /// Every rank has all examples and all features of one addend; the activations are the sum over the ranks.
  case partial

  /// The name in plans.
  package var description: String { rawValue }

  /// The layout in which a layer wants the gradient of its output, if that output has this layout.
  ///
  /// An addend's gradient is that of the whole sum, so what gives partial sums wants all of it.
  package var wantedGradient: Layout { self == .partial ? .replicated : self }
}

/// An exchange that changes the layout of activations or of their gradients.
///
/// p ranks, B examples of the group, F features an example: what a rank sends.
package enum Conversion: Sendable, CaseIterable {
  /// From batchSharded to replicated: (p - 1) B F / p.
  case gatherExamples
  /// From batchSharded to featureSharded: (p - 1) B F / p².
  case examplesToFeatures
  /// From replicated to batchSharded: nothing.
  case takeExamples
  /// From replicated to featureSharded: nothing.
  case takeFeatures
  /// From featureSharded to batchSharded: (p - 1) B F / p².
  case featuresToExamples
  /// From featureSharded to replicated: (p - 1) B F / p.
  case gatherFeatures
  /// From partial to batchSharded: (p - 1) B F / p.
  case scatterExamples
  /// From partial to replicated: 2 (p - 1) B F / p.
  case sum
  /// From partial to featureSharded: (p - 1) B F / p.
  case scatterFeatures

  /// The conversion of one layout into another; nil where they are equal, and for partial sums, which none makes.
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

  /// The name in printed plans and in reports of what was exchanged.
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

/// The boundary between two layers: how activations change their layout in the forward pass, and how their
/// gradients do in the backward pass.
struct Boundary: Equatable, Sendable {
  /// The layout that the layers before give.
  let given: Layout
  /// The layout that the next layer takes.
  let taken: Layout
  /// The layout of the gradient that the next layer's backward pass gives.
  let gradient: Layout

  /// Nothing changes.
  static func none(_ layout: Layout) -> Boundary {
    Boundary(given: layout, taken: layout, gradient: layout.wantedGradient)
  }

  /// The exchange of activations; nil for none.
  var forward: Conversion? { Conversion(from: given, to: taken) }
  /// The exchange of gradients; nil for none.
  var backward: Conversion? { Conversion(from: gradient, to: given.wantedGradient) }
  /// Whether neither is needed.
  var isEmpty: Bool { forward == nil && backward == nil }
}
