import AllReduce

/// The columns of the matrix.
let columns: [ReductionAlgorithm] = [
  .ring, .tree, .recursiveDoubling, .halvingDoubling, .doubleTree, .gatherAndReduce,
  .sharedMemory, .hierarchical, .native,
]

extension MismatchCell {
  /// Why a case has no meaning with an algorithm; nil where it has one.
  static func reasonAgainst(_ mismatch: Mismatch, _ algorithm: ReductionAlgorithm) -> String? {
    switch (mismatch, algorithm) {
    case (.wireFormat, .sharedMemory): "nothing travels, so every wire format is the same call"
    case (.wireFormat, .native):
      "MPI's own algorithm sends elements as they are; another wire format is a precondition"
    default: nil
    }
  }

  /// The cells of the matrix that have a meaning on one host, or on several.
  ///
  /// - Parameters:
  ///   - severalHosts: Where the ranks are. On one host `hierarchical` is left out, on several
  ///     `sharedMemory`.
  ///   - ending: Whether the cells that end the job are meant, or the others. Between hosts only
  ///     those of `hierarchical` are: each takes a launch.
  /// - Returns: The cells, in the order of the table.
  static func all(severalHosts: Bool, ending: Bool) -> [MismatchCell] {
    var cells: [MismatchCell] = []
    for mismatch in Mismatch.allCases where mismatch.endsJob == ending {
      for algorithm in columns where reasonAgainst(mismatch, algorithm) == nil {
        if algorithm == (severalHosts ? .sharedMemory : .hierarchical) { continue }
        if ending && severalHosts && algorithm != .hierarchical { continue }
        if ending {
          cells.append(MismatchCell(mismatch, algorithm, count: 1000, .blocking, .last))
          continue
        }
        for flavour in flavours(mismatch, algorithm) {
          for count in [1000, 300_000] where mismatch != .muchLarger || count == 1000 {
            cells.append(MismatchCell(mismatch, algorithm, count: count, flavour, .last))
          }
          if !flavour.isStarted {
            cells.append(MismatchCell(mismatch, algorithm, count: 1000, flavour, .first))
          }
        }
      }
    }
    return cells
  }

  /// How the calls of a case can be made with an algorithm.
  private static func flavours(_ mismatch: Mismatch, _ algorithm: ReductionAlgorithm) -> [Flavour] {
    switch (mismatch, algorithm) {
    // The array has to be in an arena elsewhere, or the arena another.
    case (.arrayForArena, .native), (.otherArena, .native): [.arena]
    case (.arrayForArena, _), (.otherArena, _): [.arena, .startedArena]
    // Only arenas have a broadcast, a reduce and the like in shared memory.
    case (_, .sharedMemory) where !mismatch.isAllReduce: [.arena, .startedArena]
    case (_, .sharedMemory),
      (_, .hierarchical) where mismatch.isAllReduce:
      [.blocking, .arena, .startedArena]
    case (_, .native): [.blocking]
    default: mismatch.isAllReduce ? [.blocking, .started] : [.blocking]
    }
  }
}
