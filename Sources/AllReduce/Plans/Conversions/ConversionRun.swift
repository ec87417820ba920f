internal import AllReduceMPI

/// How the examples of all ranks of a model group get to layers whose weights are sharded: the all-gather
/// before a layer placed by columns, all layers after it, and the backward pass.
///
/// p ranks with b examples of D features each: in every order a rank sends (p - 1) b D elements in the forward pass,
/// and the same number in the backward pass. Krizhevsky, "One weird trick for parallelizing convolutional neural
/// networks", 2014, calls the orders a, b and c.
public struct ConversionRun: Hashable, Sendable {
  /// The order in which examples are exchanged and computed.
  public enum Order: String, Sendable, CaseIterable {
    /// All ranks gather all examples, and the next layers compute with them at once: p b examples. The largest
    /// products, and memory for p b examples and their gradients; nothing is computed while examples are
    /// exchanged. Scheme a.
    case atOnce
    /// In turn each rank broadcasts its examples: p turns of b examples. The next turn's are exchanged
    /// while the present ones are computed; but only one rank sends at a time. Scheme b.
    case broadcastInTurn
    /// In each of p turns every rank sends 1/p of its examples to all: p turns of b examples. All links are in
    /// use, and the next turn's examples are exchanged while the present ones are computed. A p-th of the memory of
    /// `atOnce`, examples under way included. Scheme c.
    case scatterInTurn

    /// The examples that each turn takes from each rank.
    ///
    /// - Parameter rows: The number of examples of each rank.
    /// - Returns: A turn at a time.
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

    /// The largest number of examples that go through the next layers at once, of ranks that have `rows` of them: their
    /// memory for activations grows with it.
    package func largestTurn(_ rows: [Int]) -> Int { turns(rows).map(\.count).max() ?? 0 }
  }

  /// When the weights of the layers after the conversion are updated.
  public enum Update: String, Sendable, CaseIterable {
    /// Once a step, with the sum over all turns.
    case step
    /// After each turn, with a smaller batch and a learning rate that is smaller by the same factor.
    case turn
  }

  /// The path of the layer that it comes before; nil for the first dense layer.
  package var before: String?
  /// How it runs.
  package var order: Order
  /// When the weights of the layers after it are updated.
  package var update: Update

  /// Describes a run.
  package init(before: String?, order: Order, update: Update = .step) {
    self.before = before
    self.order = order
    self.update = update
  }
}

/// The examples of one turn of a ``ConversionRun``, or of all of a batch.
struct ExampleTurn: Equatable {
  /// The examples of its own that each rank contributes.
  let rows: [Range<Int>]
  /// The only rank that contributes; nil if all do.
  let root: Int?
  /// The examples of all ranks.
  let count: Int
  /// The largest number of examples of a rank.
  let most: Int

  init(_ rows: [Range<Int>], root: Int? = nil) {
    self.rows = rows
    self.root = root
    count = rows.reduce(0) { $0 + $1.count }
    most = rows.map(\.count).max() ?? 0
  }

  /// Moves the ranks' examples, of this many elements each, from one after the other to the starts of blocks, which
  /// are `length` elements apart. The two may be the same memory.
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

  /// Moves the ranks' examples from the starts of blocks to the front of the memory, one after the other.
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
