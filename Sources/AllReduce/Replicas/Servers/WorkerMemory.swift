package import AllReduceMPI
package import AllReduceNN

/// The buffers of a worker: two for pushes, used alternately, and one for the weights that it reads.
package struct WorkerBuffers<Scalar> {
  package let pushes: [UnsafeMutablePointer<Scalar>]
  package let weights: UnsafeMutablePointer<Scalar>

  init(at start: UnsafeMutablePointer<Scalar>, count: Int) {
    pushes = [start, start + count]
    weights = start + 2 * count
  }
}

/// The memory of the workers' buffers. If a server is on the same host, the buffers are in shared memory, where the
/// server reads pushes and writes weights without a message. Otherwise they are in private memory, and are sent.
package final class WorkerMemory<Scalar: NetworkScalar & ReducibleScalar> {
  private let arena: Arena<Scalar>?
  private let own: TensorMemory<Scalar>?
  private let workersHere: [Int]
  private let count: Int

  /// Allocates the memory. Collective over all ranks.
  ///
  /// - Parameters:
  ///   - count: The number of elements in a buffer.
  ///   - roles: The roles of the ranks.
  ///   - world: All ranks.
  /// - Throws: ``AgreedError`` if a host does not have enough memory; ``MPIError``.
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

  /// Returns the buffers of a worker, or nil if this rank cannot access them. `isOwn` must be true on the worker
  /// itself.
  func buffers(of worker: Int, isOwn: Bool) -> WorkerBuffers<Scalar>? {
    if let arena, let place = workersHere.firstIndex(of: worker) {
      return WorkerBuffers(
        at: arena.values.baseAddress.unsafelyUnwrapped + place * 3 * count, count: count)
    }
    return isOwn
      ? own.map { WorkerBuffers(at: $0.values.baseAddress.unsafelyUnwrapped, count: count) } : nil
  }
}
