internal import CKernels

/// This host's processors, and which ranks of a communicator use them.
package struct HostLayout {
  /// Whether this host has fewer processors for its ranks than ranks, as far as is known.
  package let isOversubscribed: Bool

  /// Gathers the layout from all ranks. Collective. Cost: one all-gather of 16 numbers a rank.
  package init(of communicator: Communicator) throws {
    var bits = [UInt64](repeating: 0, count: 16)
    ck_usable_processors(&bits)
    let all = try communicator.allGatherBare(bits.map { Int(bitPattern: UInt($0)) })
    let host = communicator.hostRanks
    let processors = bits.indices.reduce(0) { sum, word in
      sum + host.reduce(0) { $0 | UInt(bitPattern: all[$1][word]) }.nonzeroBitCount
    }
    // Others may need the processors too: mpirun was told, or found out, that ranks must give way.
    let mustGiveWay = ["OMPI_MCA_mpi_yield_when_idle", "OMPI_MCA_mpi_oversubscribe"].contains {
      ["1", "true"].contains(environmentVariable($0))
    }
    isOversubscribed = mustGiveWay || host.count > processors
  }
}
