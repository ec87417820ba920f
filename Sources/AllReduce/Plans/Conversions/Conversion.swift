/// A change of the layout of activations, or of their gradients.
///
/// The input is cut into one block per rank, by examples or by features; the blocks are exchanged; and the received
/// blocks are joined, by examples or by features. With p ranks, B examples of the group and F features of an example, a
/// rank sends this many elements:
///
/// | conversion | from | to | elements |
/// |---|---|---|---|
/// | all-gather | batchSharded | replicated | (p - 1) * B * F / p |
/// | all-to-all | batchSharded | featureSharded | (p - 1) * B * F / p² |
/// | take own examples | replicated | batchSharded | 0 |
/// | take own features | replicated | featureSharded | 0 |
/// | all-to-all | featureSharded | batchSharded | (p - 1) * B * F / p² |
/// | all-gather by features | featureSharded | replicated | (p - 1) * B * F / p |
/// | reduce-scatter by examples | partial | batchSharded | (p - 1) * B * F / p |
/// | all-reduce | partial | replicated | 2 * (p - 1) * B * F / p |
/// | reduce-scatter by features | partial | featureSharded | (p - 1) * B * F / p |
package struct Conversion: Hashable, Sendable {
  package let from: Layout
  package let to: Layout

  /// Creates the conversion from one layout to another; nil if the layouts are equal, or if `to` is partial, which no
  /// conversion produces.
  package init?(from: Layout, to: Layout) {
    guard from != to, to != .partial else { return nil }
    self.init(from, to)
  }

  private init(_ from: Layout, _ to: Layout) { (self.from, self.to) = (from, to) }

  /// Gives every rank the examples of all ranks.
  static let gatherExamples = Conversion(.batchSharded, .replicated)
  /// Sums the ranks' addends, and gives each rank the sum for its own examples.
  static let scatterExamples = Conversion(.partial, .batchSharded)

  /// How the input is cut into a block for each rank; nil if the whole input is exchanged.
  package var cut: BatchDimension? { to.sharded }
  /// How the ranks' blocks are joined; nil if the result is a single block.
  package var join: BatchDimension? { from.sharded }

  /// The exchange of the blocks; nil if nothing is sent.
  package var exchange: ExchangeKind? {
    switch (from, to) {
    case (.replicated, _): nil
    case (.partial, .replicated): .allReduce
    case (.partial, _): .reduceScatter
    case (_, .replicated): .allGather
    default: .allToAll
    }
  }

  /// The name of the conversion in printed plans.
  package var name: String {
    switch exchange {
    case nil: "take own \(cut.map(\.rawValue) ?? "")"
    case .reduceScatter: "reduce-scatter by \(cut.map(\.rawValue) ?? "")"
    case .allGather where join == .features: "all-gather by features"
    case let exchange?: exchange.description
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
