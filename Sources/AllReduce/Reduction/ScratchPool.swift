/// Scratch memory for the runs of a communicator: taken when a run starts to move, given back when it
/// has ended.
///
/// At most ``capacity`` bytes are in use at once; runs that find no room wait in the order in which they
/// were started. All ranks start their calls in the same order, so the oldest call that is under way has
/// its memory on every rank, and ends. A run that needs more than all runs alone.
package final class ScratchPool {
  /// Bytes in use at once, but for a single run that needs more.
  static let capacity = 4 << 20
  /// A run keeps up to this many bytes for itself.
  static let worthPooling = 4 << 10

  private var free: [(memory: UnsafeMutableRawPointer, bytes: Int)] = []
  private var freeBytes = 0
  private var usedBytes = 0
  private var waiting: [ObjectIdentifier] = []
  /// Whether runs have failed that may still have memory of the pool.
  var hasFailures = false

  package init() {}

  deinit { for one in free { one.memory.deallocate() } }

  /// Memory for a run; nil if it must wait.
  func take(_ bytes: Int, for run: AnyObject) -> UnsafeMutableRawPointer? {
    if waiting.isEmpty, let memory = take(bytes) { return memory }
    waiting.append(ObjectIdentifier(run))
    return nil
  }

  /// Memory for a run that waits; nil if it is not its turn, or there is none yet.
  func takeInTurn(_ bytes: Int, for run: AnyObject) -> UnsafeMutableRawPointer? {
    guard waiting.first == ObjectIdentifier(run), let memory = take(bytes) else { return nil }
    waiting.removeFirst()
    return memory
  }

  /// The run waits no more.
  func forget(_ run: AnyObject) { waiting.removeAll { $0 == ObjectIdentifier(run) } }

  func giveBack(_ memory: UnsafeMutableRawPointer, bytes: Int) {
    let bytes = ScratchPool.rounded(bytes)
    usedBytes -= bytes
    free.append((memory, bytes))
    freeBytes += bytes
    // What many small runs have left is not kept for ever.
    while usedBytes + freeBytes > ScratchPool.capacity, let first = free.first {
      first.memory.deallocate()
      freeBytes -= first.bytes
      free.removeFirst()
    }
  }

  private func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    let bytes = ScratchPool.rounded(bytes)
    if usedBytes > 0 && usedBytes + bytes > ScratchPool.capacity { return nil }
    usedBytes += bytes
    if let index = free.lastIndex(where: { $0.bytes == bytes }) {
      freeBytes -= bytes
      return free.remove(at: index).memory
    }
    while !free.isEmpty && usedBytes + freeBytes > ScratchPool.capacity {
      let first = free.removeFirst()
      first.memory.deallocate()
      freeBytes -= first.bytes
    }
    return .allocate(byteCount: bytes, alignment: 64)
  }

  /// Sizes that many runs have in common.
  private static func rounded(_ bytes: Int) -> Int { (bytes + 0x3FFF) & ~0x3FFF }
}
