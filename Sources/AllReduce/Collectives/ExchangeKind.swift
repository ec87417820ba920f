/// The kinds of exchange that plans consist of.
package enum ExchangeKind: String, Sendable, CaseIterable, CustomStringConvertible {
  case allReduce = "all_reduce"
  case reduceScatter = "reduce_scatter"
  case allGather = "all_gather"
  case allToAll = "all_to_all"

  package var description: String { rawValue.split(separator: "_").joined(separator: "-") }

  /// Returns the least number of bytes that a rank sends in this exchange, as a fraction of its buffer.
  package func volume(ranks: Int) -> Double {
    let share = Double(ranks - 1) / Double(ranks)
    return self == .allReduce ? 2 * share : share
  }

  /// The collective that performs the exchange.
  package var collective: Collective {
    switch self {
    case .allReduce: .allReduce
    case .reduceScatter: .reduceScatter
    case .allGather: .allGather
    case .allToAll: .allToAll
    }
  }
}
