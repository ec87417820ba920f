package import AllReduceMPI

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

extension Schedule {
  /// Builds the schedule of one rank for a collective.
  ///
  /// If an algorithm has no form of its own for the collective, the schedule uses the form of another; see
  /// ``ReductionAlgorithm/Kind/form(of:)``.
  ///
  /// - Parameters:
  ///   - collective: The collective to carry out. Blocks are those of ``BlockPartition``, and for all-to-all those of
  ///     ``ExchangedBlocks``.
  ///   - algorithm: An algorithm that has a schedule.
  ///   - rank: The rank whose schedule is built.
  ///   - size: The number of ranks.
  ///   - count: The number of elements in the buffer.
  ///   - segment: The largest number of elements in a message.
  ///   - wireFormat: The format of elements in messages. A value that several ranks receive is also rounded on the rank
  ///     that computed it, so that all ranks have the same bits; a value that one rank receives is not.
  package init(
    _ collective: Collective, by algorithm: ReductionAlgorithm.Kind, rank: Int, size: Int,
    count: Int, segment: Int, wireFormat: WireFormat = .full
  ) {
    var plan = ScheduleBuilder(
      rank: rank, size: size, count: count, segment: segment, wireFormat: wireFormat)
    let blocks = BlockPartition(count: count, parts: size)
    switch collective {
    case .allReduce: plan.sharesResults = true
    case .allGather: plan.round(blocks[rank])
    case .broadcast(let root) where root == rank: plan.round(plan.all)
    case .broadcast, .reduceScatter, .reduce, .allToAll: break
    }
    switch (collective, algorithm.form(of: collective)) {
    case (.allReduce, .ring): Ring.allReduce(&plan)
    case (.allReduce, .tree): Tree.allReduce(&plan)
    case (.allReduce, .flatTree): FlatTree.allReduce(&plan)
    case (.allReduce, .doubleTree): DoubleTree.allReduce(&plan)
    case (.allReduce, .recursiveDoubling): RecursiveDoubling.allReduce(&plan)
    case (.allReduce, .halvingDoubling): HalvingDoubling.allReduce(&plan)
    case (.allReduce, .gatherAndReduce): GatherAndReduce.allReduce(&plan)
    case (.allToAll, _): PairwiseExchange.allToAll(&plan)
    case (.reduceScatter, .ring): Ring.reduceScatter(&plan, blocks)
    case (.reduceScatter, .tree): Tree.reduceScatter(&plan, blocks)
    case (.reduceScatter, .halvingDoubling): HalvingDoubling.reduceScatter(&plan, blocks)
    case (.allGather, .ring): Ring.allGather(&plan, blocks)
    case (.allGather, .tree): Tree.allGather(&plan, blocks)
    case (.allGather, .halvingDoubling): HalvingDoubling.allGather(&plan, blocks)
    case (.broadcast(let root), .ring): Ring.broadcast(&plan, from: root)
    case (.broadcast(let root), .tree): Tree.broadcast(&plan, from: root)
    case (.broadcast(let root), .halvingDoubling): HalvingDoubling.broadcast(&plan, from: root)
    case (.reduce(let root), .ring): Ring.reduce(&plan, to: root)
    case (.reduce(let root), .tree): Tree.reduce(&plan, to: root)
    case (.reduce(let root), .halvingDoubling): HalvingDoubling.reduce(&plan, to: root)
    default: preconditionFailure("\(algorithm) has no schedule of its own.")
    }
    self = plan.build()
  }
}
