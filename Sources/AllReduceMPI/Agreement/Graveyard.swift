internal import CMPI

/// The MPI communicators that this rank has released.
///
/// Freeing a communicator is collective, and ranks release their objects at different times. So it is freed where all
/// its ranks synchronize anyway: when a communicator that contains all of them makes another one, or when the job ends.
final class Graveyard {
  private struct Dead {
    let agreement: Agreement
    var handle: MPI_Comm?
    var internalHandle: MPI_Comm?
  }

  private var dead: [Dead] = []
  /// The number of released communicators below which nothing is freed, if no rank has more.
  private static let fewest = 8
  /// The most communicators of a rank that one call of ``bury(over:)`` considers.
  private static let most = 32

  func add(_ agreement: Agreement, _ handle: MPI_Comm, _ internalHandle: MPI_Comm) {
    dead.append(Dead(agreement: agreement, handle: handle, internalHandle: internalHandle))
  }

  /// Frees the communicators that all their ranks have released, among those whose ranks all belong to `communicator`.
  ///
  /// Collective over `communicator`, whose ranks have just synchronized.
  func bury(over communicator: Communicator) throws {
    if communicator.size == 1 { return }
    let ranks = Set(communicator.worldRanks)
    let mine = dead.filter {
      !$0.agreement.hasFailed && !$0.agreement.owes && ranks.isSuperset(of: $0.agreement.worldRanks)
    }.map(\.agreement)
    var words = [Int](repeating: 0, count: Graveyard.most + 1)
    words[0] = mine.count
    for (index, agreement) in mine.prefix(Graveyard.most).enumerated() {
      words[index + 1] = Int(bitPattern: UInt(agreement.id))
    }
    // Every rank must come to the same conclusion, so all look at the same numbers.
    let all = try communicator.allGatherBare(words)
    if all.allSatisfy({ $0[0] < Graveyard.fewest }) { return }
    let told = all.map { Set($0[1...].prefix(max(0, $0[0])).map { UInt64(bitPattern: Int64($0)) }) }
    let members = Dictionary(
      uniqueKeysWithValues: communicator.worldRanks.enumerated().map { ($1, $0) })
    let free = mine.filter { agreement in
      agreement.worldRanks.allSatisfy { told[members[$0]!].contains(agreement.id) }
    }
    for agreement in free.sorted(by: { $0.id < $1.id }) { self.free(agreement.id) }
  }

  /// Frees all released communicators. Collective over the ranks of the job, at its end.
  func buryAll() {
    for id in dead.map(\.agreement.id).sorted() { free(id) }
  }

  private func free(_ id: UInt64) {
    guard let index = dead.firstIndex(where: { $0.agreement.id == id }) else { return }
    var one = dead.remove(at: index)
    MPI.current.engine.control?.remove(one.agreement)
    MPI.current.watchdog.guarding("MPI_Comm_free") {
      MPI_Comm_free(&one.internalHandle)
      MPI_Comm_free(&one.handle)
    }
  }
}
