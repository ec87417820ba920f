/// The algorithm of a collective, as a number that ranks can compare.
@usableFromInline
package enum AlgorithmKind: UInt8, Sendable, CaseIterable {
  case automatic, ring, tree, flatTree, doubleTree, recursiveDoubling, halvingDoubling,
    gatherAndReduce, sharedMemory, hierarchical, native

  /// The name used in options, output and errors.
  package var name: String { "\(self)" }
}
