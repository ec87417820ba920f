internal import AllReduceMPI

/// How the examples of a model group's ranks are all-gathered before a layer placed by columns, and how all layers
/// after it and the backward pass run: with all examples at once, or in turns. A turn is a part of the ranks' examples
/// that is gathered and computed at a time.
///
/// With p ranks, b examples per rank and D features per example, a rank sends (p - 1) * b * D elements in the forward
/// pass, and the same number in the backward pass, in every order. Krizhevsky, "One weird trick for parallelizing
/// convolutional neural networks", 2014, calls the orders a, b and c.
public struct ConversionRun: Hashable, Sendable {
  /// The order in which examples are gathered and computed, on p ranks with b examples each.
  public enum Order: String, Sendable, CaseIterable {
    /// All ranks gather all examples, and the next layers compute with all p * b of them at once. This gives the
    /// largest products, but needs memory for p * b examples and their gradients, and nothing is computed while
    /// examples are exchanged. Scheme a.
    case atOnce
    /// One rank after the other broadcasts its examples: p turns of b examples. The next turn's examples are exchanged
    /// while the current ones are computed, but only one rank sends at a time. Scheme b.
    case broadcastInTurn
    /// In each of p turns every rank sends 1/p of its examples to all ranks: p turns of b examples. All links are in
    /// use, and the next turn's examples are exchanged while the current ones are computed. Needs 1/p of the memory of
    /// `atOnce`, including the examples in flight. Scheme c.
    case scatterInTurn

    /// Returns the examples that each turn takes from each rank.
    ///
    /// - Parameter rows: The number of examples of each rank.
    /// - Returns: The turns, in order.
    func turns(_ rows: [Int]) -> [ExampleTurn] {
      switch self {
      case .atOnce: [ExampleTurn(rows.map { 0..<$0 })]
      case .broadcastInTurn:
        rows.indices.map { owner in
          ExampleTurn(
            rows.indices.map { $0 == owner ? 0..<rows[$0] : 0..<0 }, root: owner)
        }
      case .scatterInTurn:
        rows.indices.map { turn in
          ExampleTurn(rows.map { BlockPartition(count: $0, parts: rows.count)[turn] })
        }
      }
    }

    /// Returns the largest number of examples that go through the next layers at once, where `rows` has the number of
    /// examples of each rank. The memory for activations grows with it.
    package func largestTurn(_ rows: [Int]) -> Int { turns(rows).map(\.count).max() ?? 0 }
  }

  /// When the weights of the layers after the conversion are updated.
  public enum Update: String, Sendable, CaseIterable {
    /// Once per step, with the sum of the gradients over all turns.
    case step
    /// After each turn, with a smaller batch and a learning rate that is reduced by the same factor.
    case turn
  }

  /// The path of the layer after the all-gather; nil for the first dense layer.
  package var before: String?
  /// The order in which examples are gathered and computed.
  package var order: Order
  /// When the weights of the layers after the all-gather are updated.
  package var update: Update

  /// Creates the description of how the all-gather before a layer runs.
  package init(before: String?, order: Order, update: Update = .step) {
    self.before = before
    self.order = order
    self.update = update
  }
}

/// The examples of one turn of a ``ConversionRun``, or of a whole batch: a range of each rank's examples.
struct ExampleTurn: Equatable {
  /// For each rank, the range of its own examples that it contributes.
  let rows: [Range<Int>]
  /// The only rank that contributes examples; nil if all ranks do.
  let root: Int?
  /// The number of examples, over all ranks.
  let count: Int
  /// The largest number of examples that a rank contributes.
  let most: Int

  init(_ rows: [Range<Int>], root: Int? = nil) {
    self.rows = rows
    self.root = root
    count = rows.reduce(0) { $0 + $1.count }
    most = rows.map(\.count).max() ?? 0
  }

  /// Moves the ranks' examples, of `width` elements each, from contiguous memory to the starts of the ranks' blocks,
  /// which are `length` elements apart. Source and target may be the same memory.
  func spread<Scalar>(
    from examples: UnsafePointer<Scalar>, to blocks: UnsafeMutablePointer<Scalar>, width: Int,
    length: Int
  ) {
    var place = count * width
    for (owner, rows) in rows.enumerated().reversed() {
      place -= rows.count * width
      if examples + place != UnsafePointer(blocks + owner * length) {
        (blocks + owner * length).update(from: examples + place, count: rows.count * width)
      }
    }
  }

  /// Moves the ranks' examples from the starts of their blocks to the front of the memory, so that they are contiguous.
  func compact<Scalar>(_ blocks: UnsafeMutablePointer<Scalar>, width: Int, length: Int) {
    var place = 0
    for (owner, rows) in rows.enumerated() {
      if place != owner * length {
        (blocks + place).update(from: blocks + owner * length, count: rows.count * width)
      }
      place += rows.count * width
    }
  }
}
