internal import CKernels

/// This host's ranks of a communicator.
package struct HostLayout {
  /// The ranks of this host, as a communicator of their own, in the order of the ranks.
  package let node: Communicator
  /// Whether this host has fewer processors for its ranks than ranks, as far as is known.
  package let isOversubscribed: Bool

  /// Finds it out. Collective.
  package init(of communicator: Communicator) throws {
    node = try communicator.splitByHost()
    var bits = [UInt64](repeating: 0, count: 16)
    ck_usable_processors(&bits)
    var processors = 0
    for word in bits {
      let all = try node.allGatherNatively(Int(bitPattern: UInt(word)))
      processors += all.reduce(0) { $0 | UInt(bitPattern: $1) }.nonzeroBitCount
    }
    // Others may need the processors too: mpirun was told, or found out, that ranks must give way.
    let mustGiveWay = ["OMPI_MCA_mpi_yield_when_idle", "OMPI_MCA_mpi_oversubscribe"].contains {
      ["1", "true"].contains(environmentVariable($0))
    }
    isOversubscribed = mustGiveWay || node.size > processors
  }
}
