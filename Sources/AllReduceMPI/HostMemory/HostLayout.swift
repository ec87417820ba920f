internal import CKernels

/// Whether the ranks of a communicator on this host have enough processors.
package struct HostLayout {
  /// Whether the ranks on this host outnumber its processors that they may use, as far as is known.
  package let isOversubscribed: Bool

  /// Gathers from all ranks which processors they may use. Collective. Cost: one all-gather of 16 numbers per rank.
  package init(of communicator: Communicator) throws {
    var bits = [UInt64](repeating: 0, count: 16)
    ck_usable_processors(&bits)
    let all = try communicator.allGatherBare(bits.map { Int(bitPattern: UInt($0)) })
    let host = communicator.hostRanks
    let processors = bits.indices.reduce(0) { sum, word in
      sum + host.reduce(0) { $0 | UInt(bitPattern: all[$1][word]) }.nonzeroBitCount
    }
    // Other processes may need the processors too: mpirun was told, or found out, that ranks must yield.
    let mustGiveWay = ["OMPI_MCA_mpi_yield_when_idle", "OMPI_MCA_mpi_oversubscribe"].contains {
      ["1", "true"].contains(environmentVariable($0))
    }
    isOversubscribed = mustGiveWay || host.count > processors
  }
}
