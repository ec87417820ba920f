/// Scratch memory for the runs of a communicator: taken when a run starts to move, returned when it
/// has ended.
///
/// A run is charged for its scratch memory, or for what it sends before it hears from others, if that is
/// more: leaves of trees need no scratch, and MPI keeps at the receiver what arrives early. The slots of its
/// first messages are charged too. At most
/// ``capacity`` bytes are charged at once; runs that find no room wait in the order in which they were
/// started. All ranks start their calls in the same order, so the oldest call that is under way has its
/// memory on every rank, and ends. A run that is charged more than the capacity runs alone.
package final class ScratchPool {
  /// The largest number of bytes charged at once, except for a single run that needs more.
  static let capacity = 4 << 20
  /// A run that is charged no more than this keeps its memory for itself.
  static let worthPooling = 4 << 10
  /// The largest number of bytes that a run is charged for what it sends ahead, so that some large runs may be under
  /// way at once.
  private static let mostSentAhead = 1 << 20

  private typealias Piece = (memory: UnsafeMutableRawPointer, bytes: Int)

  private var free: [Piece] = []
  private var waiting: [ObjectIdentifier] = []
  /// In memory of its own: a class's properties would be checked at every access.
  private let state: UnsafeMutablePointer<State>

  private struct State {
    /// The piece that came back last, which most calls take again; it is not among those in ``free``.
    var last: Piece?
    var freeBytes = 0
    /// Scratch memory in use, and what the runs that use it are charged.
    var usedBytes = 0
    var chargedBytes = 0
    var isAwaited = false
    var hasFailures = false
  }

  package init() {
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    for one in free { one.memory.deallocate() }
    state.pointee.last?.memory.deallocate()
    state.deallocate()
  }

  /// Whether runs have failed that may still have memory of the pool.
  var hasFailures: Bool {
    get { state.pointee.hasFailures }
    set { state.pointee.hasFailures = newValue }
  }

  /// The needs of a run.
  package struct Need {
    /// Scratch memory, in bytes.
    let scratch: Int
    /// Bytes charged while it is under way.
    let charge: Int

    /// - Parameters:
    ///   - scratch: Bytes of scratch memory.
    ///   - values: Bytes of the values that are reduced.
    ///   - slots: Bytes of the slots that first messages take, of a run that is not small.
    package init(scratch: Int, values: Int, slots: Int) {
      self.scratch = scratch <= ScratchPool.worthPooling ? scratch : ScratchPool.rounded(scratch)
      // Twice: two children may send ahead to one parent.
      charge =
        max(self.scratch, min(2 * values, ScratchPool.mostSentAhead))
        + (values > ScratchPool.worthPooling ? slots : 0)
    }
  }

  /// Memory for a run; nil if it must wait.
  package func take(_ need: Need, for run: AnyObject) -> UnsafeMutableRawPointer? {
    if !state.pointee.isAwaited, let memory = take(need) { return memory }
    waiting.append(ObjectIdentifier(run))
    state.pointee.isAwaited = true
    return nil
  }

  /// Memory for a run that waits; nil if it is not its turn, or there is none yet.
  package func takeInTurn(_ need: Need, for run: AnyObject) -> UnsafeMutableRawPointer? {
    guard waiting.first == ObjectIdentifier(run), let memory = take(need) else { return nil }
    waiting.removeFirst()
    state.pointee.isAwaited = !waiting.isEmpty
    return memory
  }

  /// The run no longer waits.
  package func forget(_ run: AnyObject) {
    waiting.removeAll { $0 == ObjectIdentifier(run) }
    state.pointee.isAwaited = !waiting.isEmpty
  }

  package func giveBack(_ memory: UnsafeMutableRawPointer, _ need: Need) {
    state.pointee.chargedBytes -= need.charge
    state.pointee.usedBytes -= need.scratch
    state.pointee.freeBytes += need.scratch
    if let earlier = state.pointee.last { free.append(earlier) }
    state.pointee.last = (memory, need.scratch)
    // Memory that many small runs left is freed in the end.
    makeRoom()
  }

  @inline(__always)
  private func take(_ need: Need) -> UnsafeMutableRawPointer? {
    let charged = state.pointee.chargedBytes
    if charged > 0 && charged + need.charge > ScratchPool.capacity { return nil }
    state.pointee.chargedBytes = charged + need.charge
    state.pointee.usedBytes += need.scratch
    if let last = state.pointee.last, last.bytes == need.scratch {
      state.pointee.last = nil
      state.pointee.freeBytes -= need.scratch
      return last.memory
    }
    return takeOther(need)
  }

  @inline(never)
  private func takeOther(_ need: Need) -> UnsafeMutableRawPointer {
    if let index = free.lastIndex(where: { $0.bytes == need.scratch }) {
      state.pointee.freeBytes -= need.scratch
      return free.remove(at: index).memory
    }
    makeRoom()
    return .allocate(byteCount: max(need.scratch, 1), alignment: 64)
  }

  /// Frees memory that no run uses, the oldest first, until all is within the capacity.
  private func makeRoom() {
    while state.pointee.usedBytes + state.pointee.freeBytes > ScratchPool.capacity {
      let oldest: Piece
      if !free.isEmpty {
        oldest = free.removeFirst()
      } else if let last = state.pointee.last {
        oldest = last
        state.pointee.last = nil
      } else {
        return
      }
      oldest.memory.deallocate()
      state.pointee.freeBytes -= oldest.bytes
    }
  }

  /// Sizes that many runs have in common.
  private static func rounded(_ bytes: Int) -> Int { (bytes + 0x3FFF) & ~0x3FFF }
}
