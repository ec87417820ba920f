package import AllReduceMPI

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
    var schedule = ScheduleBuilder(
      rank: rank, size: size, count: count, segment: segment, wireFormat: wireFormat)
    let blocks = BlockPartition(count: count, parts: size)
    switch collective {
    case .allReduce: schedule.sharesResults = true
    case .allGather: schedule.round(blocks[rank])
    case .broadcast(let root) where root == rank: schedule.round(schedule.all)
    case .broadcast, .reduceScatter, .reduce, .allToAll: break
    }
    switch (collective, algorithm.form(of: collective)) {
    case (.allReduce, .ring): Ring.allReduce(&schedule)
    case (.allReduce, .tree): Tree.allReduce(&schedule)
    case (.allReduce, .flatTree): FlatTree.allReduce(&schedule)
    case (.allReduce, .doubleTree): DoubleTree.allReduce(&schedule)
    case (.allReduce, .recursiveDoubling): RecursiveDoubling.allReduce(&schedule)
    case (.allReduce, .halvingDoubling): HalvingDoubling.allReduce(&schedule)
    case (.allReduce, .gatherAndReduce): GatherAndReduce.allReduce(&schedule)
    case (.allToAll, _): PairwiseExchange.allToAll(&schedule)
    case (.reduceScatter, .ring): Ring.reduceScatter(&schedule, blocks)
    case (.reduceScatter, .tree): Tree.reduceScatter(&schedule, blocks)
    case (.reduceScatter, .halvingDoubling): HalvingDoubling.reduceScatter(&schedule, blocks)
    case (.allGather, .ring): Ring.allGather(&schedule, blocks)
    case (.allGather, .tree): Tree.allGather(&schedule, blocks)
    case (.allGather, .halvingDoubling): HalvingDoubling.allGather(&schedule, blocks)
    case (.broadcast(let root), .ring): Ring.broadcast(&schedule, from: root)
    case (.broadcast(let root), .tree): Tree.broadcast(&schedule, from: root)
    case (.broadcast(let root), .halvingDoubling): HalvingDoubling.broadcast(&schedule, from: root)
    case (.reduce(let root), .ring): Ring.reduce(&schedule, to: root)
    case (.reduce(let root), .tree): Tree.reduce(&schedule, to: root)
    case (.reduce(let root), .halvingDoubling): HalvingDoubling.reduce(&schedule, to: root)
    default: preconditionFailure("\(algorithm) has no schedule of its own.")
    }
    self = schedule.build()
  }
}
