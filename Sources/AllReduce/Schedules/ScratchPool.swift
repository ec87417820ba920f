/// Scratch memory for the runs of a communicator. A run takes memory when it starts, and returns it when it has ended.
///
/// A run is charged for its scratch memory or, if this is more, for what it may send before it receives anything:
/// leaves of trees need no scratch memory, but MPI buffers at the receiver what arrives early. The slots for the run's
/// first messages are charged too. At most ``capacity`` bytes are charged at once; other runs wait in the order in
/// which they were started. All ranks start their calls in the same order, so the oldest call in flight has its memory
/// on every rank, and completes. A run that is charged more than the capacity runs alone.
package final class ScratchPool {
  /// The maximum number of bytes charged at once, except for a single run that needs more.
  static let capacity = 4 << 20
  /// The maximum charge, in bytes, of a run that keeps scratch memory of its own instead of using the pool.
  static let worthPooling = 4 << 10
  /// The maximum number of bytes that a run is charged for what it sends ahead. It is limited so that several large
  /// runs may be in flight at once.
  private static let mostSentAhead = 1 << 20

  private typealias Piece = (memory: UnsafeMutableRawPointer, bytes: Int)

  private var free: [Piece] = []
  private var waiting: [ObjectIdentifier] = []
  /// The state is allocated separately, since Swift checks every access to a class's properties.
  private let state: UnsafeMutablePointer<State>

  private struct State {
    /// The piece that was returned last, which most calls take again. It is not in ``ScratchPool/free``.
    var last: Piece?
    var freeBytes = 0
    /// The bytes of scratch memory that runs use.
    var usedBytes = 0
    /// The bytes that the runs with scratch memory are charged.
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

  /// Whether a run has failed that may still have memory of the pool.
  var hasFailures: Bool {
    get { state.pointee.hasFailures }
    set { state.pointee.hasFailures = newValue }
  }

  /// The memory that a run needs.
  package struct Need {
    /// The size of the run's scratch memory, in bytes.
    let scratch: Int
    /// The bytes that are charged while the run is in flight.
    let charge: Int

    /// Computes the needs of a run.
    ///
    /// - Parameters:
    ///   - scratch: The bytes of scratch memory.
    ///   - values: The bytes of the values that are reduced.
    ///   - slots: The bytes of the slots for first messages; charged unless the run is small.
    package init(scratch: Int, values: Int, slots: Int) {
      self.scratch = scratch <= ScratchPool.worthPooling ? scratch : ScratchPool.rounded(scratch)
      // Twice: two children may send ahead to one parent.
      charge =
        max(self.scratch, min(2 * values, ScratchPool.mostSentAhead))
        + (values > ScratchPool.worthPooling ? slots : 0)
    }
  }

  /// Takes memory for a run; returns nil, and queues the run, if it must wait.
  package func take(_ need: Need, for run: AnyObject) -> UnsafeMutableRawPointer? {
    if !state.pointee.isAwaited, let memory = take(need) { return memory }
    waiting.append(ObjectIdentifier(run))
    state.pointee.isAwaited = true
    return nil
  }

  /// Takes memory for a run that waits; returns nil if the run is not the first in the queue, or there is not enough
  /// memory yet.
  package func takeInTurn(_ need: Need, for run: AnyObject) -> UnsafeMutableRawPointer? {
    guard waiting.first == ObjectIdentifier(run), let memory = take(need) else { return nil }
    waiting.removeFirst()
    state.pointee.isAwaited = !waiting.isEmpty
    return memory
  }

  /// Removes a run from the queue, since it no longer waits.
  package func forget(_ run: AnyObject) {
    waiting.removeAll { $0 == ObjectIdentifier(run) }
    state.pointee.isAwaited = !waiting.isEmpty
  }

  /// Returns a run's memory to the pool.
  package func giveBack(_ memory: UnsafeMutableRawPointer, _ need: Need) {
    state.pointee.chargedBytes -= need.charge
    state.pointee.usedBytes -= need.scratch
    state.pointee.freeBytes += need.scratch
    if let earlier = state.pointee.last { free.append(earlier) }
    state.pointee.last = (memory, need.scratch)
    // Without this, the memory of many small runs would stay allocated.
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

  /// Frees memory that no run uses, the oldest pieces first, until used and unused memory together are within the
  /// capacity.
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

  /// Rounds a size up to a multiple of 16 KiB, so that many runs need pieces of the same size.
  private static func rounded(_ bytes: Int) -> Int { (bytes + 0x3FFF) & ~0x3FFF }
}
