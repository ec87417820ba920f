/// Memory for messages that are received before it is known what they are: tickets, and payloads up to
/// ``largestPayload`` after them.
///
/// Two pools a process, used by the thread that owns MPI alone. They grow with the messages that are
/// under way and keep what they have. An address and a size, so that a small message counts no references.
struct SlotPool {
  /// Bytes of a ticket on the wire: number of the call, hash, bytes that follow, lane.
  static let ticketBytes = 32

  /// Between ranks of a host, and between all where tags distinguish calls: above 4 KiB, two copies through slots cost
  /// more than a ticket sent ahead, and a tag costs nothing.
  nonisolated(unsafe) static let small = SlotPool(largestPayload: 4096)
  /// Between hosts where tags are short: one more message would cost more than these copies. 60 KiB is what a
  /// schedule sends in one message there (docs/algorithms.md), and below Open MPI's eager limit over TCP, 64 KiB.
  nonisolated(unsafe) static let large = SlotPool(largestPayload: 61440)

  /// The largest payload that travels in the same message as its ticket.
  let largestPayload: Int
  /// The first free slot; each one begins with the address of the next.
  private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private static let slotsTogether = 8

  private init(largestPayload: Int) {
    self.largestPayload = largestPayload
    free = .allocate(capacity: 1)
    free.initialize(to: nil)
  }

  /// Bytes of a slot.
  var bytes: Int { SlotPool.ticketBytes + largestPayload }

  @inline(__always)
  func take() -> UnsafeMutableRawPointer {
    if free.pointee == nil { grow() }
    let slot = free.pointee.unsafelyUnwrapped
    free.pointee = slot.load(as: UnsafeMutableRawPointer?.self)
    return slot
  }

  @inline(__always)
  func giveBack(_ slot: UnsafeMutableRawPointer) {
    slot.storeBytes(of: free.pointee, as: UnsafeMutableRawPointer?.self)
    free.pointee = slot
  }

  @inline(never)
  private func grow() {
    let distance = (bytes + 63) & ~63
    let chunk = UnsafeMutableRawPointer.allocate(
      byteCount: distance * SlotPool.slotsTogether, alignment: 64)
    for index in (0..<SlotPool.slotsTogether).reversed() { giveBack(chunk + index * distance) }
  }
}
