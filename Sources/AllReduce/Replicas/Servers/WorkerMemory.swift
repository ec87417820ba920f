package import AllReduceMPI
package import AllReduceNN

/// The buffers of a worker: two for pushes, which take turns, and one for the weights that it reads.
package struct WorkerBuffers<Scalar> {
  package let pushes: [UnsafeMutablePointer<Scalar>]
  package let weights: UnsafeMutablePointer<Scalar>

  init(at start: UnsafeMutablePointer<Scalar>, count: Int) {
    pushes = [start, start + count]
    weights = start + 2 * count
  }
}

/// Where workers' buffers lie: in memory of the host where a server can reach them, so that it reads a push and
/// writes weights without a message; else in private memory, from where they are sent.
package final class WorkerMemory<Scalar: NetworkScalar & ReducibleScalar> {
  private let arena: Arena<Scalar>?
  private let own: TensorMemory<Scalar>?
  private let workersHere: [Int]
  private let count: Int

  /// Takes the memory. Collective over all ranks.
  ///
  /// - Parameters:
  ///   - count: Elements of a buffer.
  ///   - roles: Which ranks work.
  ///   - world: All ranks.
  /// - Throws: ``AgreedError`` if a host has not the memory; ``MPIError``.
  package init(count: Int, _ roles: ServerRoles, over world: Communicator) throws {
    let host = try world.splitByHost()
    self.count = count
    workersHere = world.hostRanks.filter { roles.workers.contains($0) }
    let isShared = !workersHere.isEmpty && workersHere.count < world.hostRanks.count
    arena =
      isShared
      ? try Arena(count: 3 * count * workersHere.count, over: host, sharing: .single) : nil
    own =
      isShared || !roles.workers.contains(world.rank) ? nil : TensorMemory(count: 3 * count)
  }

  /// The buffers of a worker, if this rank can reach them.
  func buffers(of worker: Int, isOwn: Bool) -> WorkerBuffers<Scalar>? {
    if let arena, let place = workersHere.firstIndex(of: worker) {
      return WorkerBuffers(
        at: arena.values.baseAddress.unsafelyUnwrapped + place * 3 * count, count: count)
    }
    return isOwn
      ? own.map { WorkerBuffers(at: $0.values.baseAddress.unsafelyUnwrapped, count: count) } : nil
  }
}
