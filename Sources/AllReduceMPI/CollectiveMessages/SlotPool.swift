/// Memory slots for messages whose content is not known before they arrive: tickets, each with a payload of up to
/// ``largestPayload`` bytes.
///
/// There are two pools per process, used only by the thread that calls MPI. They grow with the number of messages in
/// flight and never shrink. A pool consists of addresses and a size, so that a small message counts no references.
struct SlotPool {
  /// The number of bytes of a ticket in a message: the number of the call, the hash, the number of payload bytes, and
  /// the lane.
  static let ticketBytes = 32

  /// The pool for messages within a host, and for all messages where tags distinguish calls. For payloads above 4 KiB,
  /// two copies through slots cost more than a ticket sent ahead, and a tag costs nothing.
  nonisolated(unsafe) static let small = SlotPool(largestPayload: 4096)
  /// The pool for messages between hosts where tags are short: a separate message for the ticket would cost more than
  /// the copies. 60 KiB is what a schedule sends in one message there (docs/algorithms.md), and is below Open MPI's
  /// eager limit over TCP, 64 KiB.
  nonisolated(unsafe) static let large = SlotPool(largestPayload: 61440)

  /// The largest payload, in bytes, that is sent in the same message as its ticket.
  let largestPayload: Int
  /// The address of the first free slot; each free slot begins with the address of the next.
  private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private static let slotsTogether = 8

  private init(largestPayload: Int) {
    self.largestPayload = largestPayload
    free = .allocate(capacity: 1)
    free.initialize(to: nil)
  }

  /// The number of bytes of a slot.
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
