/// The tags of one call's messages.
///
/// 15 bits, which every MPI guarantees, distinguish the messages of calls in flight: lane, number of the call, number
/// of the message. Where tags have 31 bits, the other 16 are a hash over all calls so far and the size of the message,
/// so that MPI never matches messages of different calls.
struct MessageTags {
  /// The tag of a first message that carries its ticket.
  let first: Int32
  /// The hash over all calls so far, which is hashed again with a message's size; nil where tags are short.
  private let running: UInt64?

  /// The largest tag that wide tags need (`MPI_TAG_UB`).
  static let largest = Int(Int32.max)

  init(_ ticket: Ticket, areWide: Bool) {
    // A message waits for the message four before it on its channel, so eight numbers distinguish messages; 2,048 calls
    // may be in flight.
    first = ticket.lane << 14 | Int32(truncatingIfNeeded: ticket.number & 2047) << 3
    running = areWide ? ticket.running : nil
  }

  /// Returns the tag of a message that is sent without a ticket.
  ///
  /// - Parameters:
  ///   - message: The number of the message on its channel, from 0.
  ///   - bytes: The size of the message.
  /// - Returns: The tag.
  @inline(__always)
  func tag(of message: Int32, bytes: Int) -> Int32 {
    let plain = first | message & 7
    guard let running else { return plain }
    let hash = Call.fold(running ^ UInt64(bytes), 0x9E37_79B9_7F4A_7C15)
    return plain | Int32(hash >> 48) << 15
  }
}
