internal import AllReduceMPI

/// A collective operation.
package enum Collective: Hashable, Sendable, CustomStringConvertible {
  case allReduce
  case reduceScatter
  case allGather
  /// Exchanges the blocks of ``ExchangedBlocks``.
  case allToAll
  case broadcast(root: Int)
  case reduce(root: Int)

  package var description: String {
    switch self {
    case .allReduce: "allReduce"
    case .reduceScatter: "reduceScatter"
    case .allGather: "allGather"
    case .allToAll: "allToAll"
    case .broadcast(let root): "broadcast from rank \(root)"
    case .reduce(let root): "reduce to rank \(root)"
    }
  }
}

extension Collective {
  /// Returns the fields of a call that ranks compare, to find out whether they make the same call.
  @inline(__always)
  func call(
    _ operation: ReductionOperation, _ type: ScalarType, count: Int,
    by algorithm: ReductionAlgorithm,
    wireFormat: WireFormat, arena: UInt64 = 0, name: UInt64
  ) -> Call {
    let (kind, reduces, root): (Call.Kind, Bool, Int) =
      switch self {
      case .allReduce: (.allReduce, true, 0)
      case .reduceScatter: (.reduceScatter, true, 0)
      case .allGather: (.allGather, false, 0)
      case .allToAll: (.allToAll, false, 0)
      case .broadcast(let root): (.broadcast, false, root)
      case .reduce(let root): (.reduce, true, root)
      }
    return Call(
      kind, reduces ? operation : nil, type, count: count, algorithm: algorithm.kind,
      wireFormat: wireFormat,
      root: root, segment: algorithm.segmentBytes ?? 0, arena: arena, name: name)
  }
}

extension ReductionAlgorithm.Kind {
  /// Returns the algorithm whose form of a collective this algorithm uses: itself, if it has a form of its own.
  ///
  /// Recursive doubling, the flat tree, the double tree and gather-and-reduce are algorithms for all-reduce only. With
  /// them, reduce-scatter and all-gather use halving-doubling, and broadcast and reduce use the binomial tree.
  /// All-to-all has one schedule, whatever the algorithm.
  func form(of collective: Collective) -> ReductionAlgorithm.Kind {
    switch (self, collective) {
    case (_, .allReduce), (_, .allToAll): self
    case (.recursiveDoubling, _), (.flatTree, _), (.doubleTree, _), (.gatherAndReduce, _):
      switch collective {
      case .broadcast, .reduce: .tree
      default: .halvingDoubling
      }
    default: self
    }
  }
}
