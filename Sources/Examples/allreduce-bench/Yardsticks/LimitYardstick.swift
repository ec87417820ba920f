import AllReduce
import Synchronization

/// The least that an all-reduce in shared memory can cost: one pass.
///
/// Every rank of a host owns a slice. Between two barriers it reads the slice from all parts of the
/// arena and writes the sum to all. Nothing of the library runs here but what maps the memory: that
/// would be comparing it with itself. It cannot say that ranks disagree, and knows one operation.
///
/// The last cache line is added up whole: an arena's parts are pages, and what follows the elements
/// there belongs to no rank.
final class LimitYardstick<Scalar: BenchScalar> {
  // Kept, for the addresses below are theirs.
  private let arena: Arena<Scalar>
  private let flags: Arena<Int64>
  private let rank: Int
  private let size: Int
  private let parts: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let numbers: UnsafeMutablePointer<UnsafeMutablePointer<Atomic<Int64>>>
  private let patience: Int
  private var number: Int64 = 0

  /// Collective.
  init(_ arena: Arena<Scalar>, _ setting: Setting, _ world: Communicator) throws {
    self.arena = arena
    flags = try Arena<Int64>(count: 8, over: world)
    // Looking on where others wait for the core keeps them from coming.
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

  /// Adds up the first `count` elements of all parts. Collective over the host's ranks.
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
