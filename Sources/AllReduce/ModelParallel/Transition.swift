/// How the activations of convolutions, of which each rank has those of its own examples, get to dense
/// layers, of which each rank has a shard of the weights.
///
/// The three schemes of Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
/// 2014. p ranks with b examples each, activations of D numbers: in all three a rank sends (p - 1) b D
/// numbers forward, and as many back.
public enum Transition: String, Sendable, CaseIterable {
  /// All ranks gather all examples, and the dense layers see them at once: one turn of p b examples. The
  /// largest products; memory for p b examples and their gradients; nothing to compute while examples are
  /// on their way.
  case a
  /// In turn each rank broadcasts its examples: p turns of b examples. The next turn's are on their way
  /// while the present ones are computed; but one rank alone sends.
  case b
  /// In each of p turns every rank sends 1/p of its examples to all: p turns of b examples, all links in
  /// use, and the next turn's on their way. A p-th of the memory of ``a``, what is on its way included.
  case c

  /// What each turn takes from each rank, of which each has so many examples.
  func turns(_ rows: [Int]) -> [TransitionTurn] {
    switch self {
    case .a: [TransitionTurn(rows.map { 0..<$0 })]
    case .b:
      rows.indices.map { owner in
        TransitionTurn(
          rows.indices.map { $0 == owner ? 0..<rows[$0] : 0..<0 }, root: owner)
      }
    case .c:
      rows.indices.map { turn in
        TransitionTurn(rows.map { BlockPartition(count: $0, parts: rows.count)[turn] })
      }
    }
  }

  /// The most examples that go through the dense layers at once, of ranks that have `rows` of them: what
  /// their memory for activations grows with. p times as many in ``a`` as in ``b`` and ``c``.
  public func largestTurn(_ rows: [Int]) -> Int { turns(rows).map(\.count).max() ?? 0 }
}

/// The examples of one turn of a ``Transition``.
struct TransitionTurn: Equatable {
  /// Which of its own examples each rank contributes.
  let rows: [Range<Int>]
  /// The only rank that contributes; nil if all do.
  let root: Int?

  init(_ rows: [Range<Int>], root: Int? = nil) {
    self.rows = rows
    self.root = root
  }

  /// The examples of all ranks.
  var count: Int { rows.reduce(0) { $0 + $1.count } }
  /// The most examples of a rank.
  var most: Int { rows.map(\.count).max() ?? 0 }
  /// Whether all ranks contribute equally many.
  var isEven: Bool { rows.allSatisfy { $0.count == most } }
}
