import AllReduce
import Synchronization

/// A lower bound of the time of an all-reduce in shared memory: one pass over the memory.
///
/// Every rank of a host owns a slice. Between two barriers it reads this slice from all parts of the arena and writes
/// the sum to all parts. Except for mapping the memory it uses no code of the library, so that the library is not
/// compared with itself. It cannot report that ranks disagree, and it only computes sums.
///
/// The last cache line is added up as a whole: an arena's parts are whole pages, and the bytes after the last element
/// belong to no rank.
final class LimitYardstick<Scalar: BenchScalar> {
  // Keeps the arenas alive, because the addresses below point into them.
  private let arena: Arena<Scalar>
  private let flags: Arena<Int64>
  private let rank: Int
  private let size: Int
  private let parts: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let numbers: UnsafeMutablePointer<UnsafeMutablePointer<Atomic<Int64>>>
  private let patience: Int
  private var number: Int64 = 0

  /// Finds the parts of all ranks of the host. Collective.
  init(_ arena: Arena<Scalar>, _ setting: Setting, _ world: Communicator) throws {
    self.arena = arena
    flags = try Arena<Int64>(count: 8, over: world)
    // Where ranks outnumber cores, a rank that spins keeps the ranks that it waits for off the core.
    patience = setting.isOversubscribed ? 1 : 1_000_000
    let host = world.hosts.first { $0.contains(world.rank) } ?? []
    rank = host.firstIndex(of: world.rank) ?? 0
    size = host.count
    parts = .allocate(capacity: host.count)
    numbers = .allocate(capacity: host.count)
    for (index, rank) in host.enumerated() {
      let worldRank = world.worldRanks[rank]
      guard let part = arena.memory.part(ofWorldRank: worldRank),
        let flag = flags.memory.part(ofWorldRank: worldRank)
      else { preconditionFailure("rank \(rank) has no part in an arena made over all ranks") }
      (parts + index).initialize(to: part)
      (numbers + index).initialize(to: flag.assumingMemoryBound(to: Atomic<Int64>.self))
    }
  }

  deinit {
    parts.deallocate()
    numbers.deallocate()
  }

  /// Adds up the first `count` elements of all parts of the arena. Collective over the host's ranks.
  func run(count: Int) {
    let lines = (count &* MemoryLayout<Scalar>.stride &+ 63) / 64
    barrier()
    Scalar.addUp(
      parts, count: size, lines: lines &* rank / size..<lines &* (rank &+ 1) / size)
    barrier()
  }

  private func barrier() {
    number &+= 1
    numbers[rank].pointee.store(number, ordering: .releasing)
    for other in 0..<size {
      var looks = patience
      while numbers[other].pointee.load(ordering: .acquiring) < number {
        looks &-= 1
        if looks <= 0 { yieldCore() }
      }
    }
  }
}
