package import AllReduceMPI

/// Moves the messages of a schedule. No method waits.
///
/// A message is known to both ends by its sender, its receiver, its call and its number on the
/// channel, and to the schedule by the label given when it was posted.
package protocol Transport: AnyObject {
  /// Begins the messages of a call. Nothing is under way.
  func begin(_ ticket: Ticket)
  /// Starts to send bytes, which must stay as they are until the label has come back.
  func send(
    _ bytes: UnsafeRawPointer, count: Int, to peer: Int32, message: Int32, label: Int32) throws
  /// Starts to receive exactly `count` bytes.
  func receive(
    into bytes: UnsafeMutableRawPointer, count: Int, from peer: Int32, message: Int32, label: Int32
  ) throws
  /// The label of a message that has ended, or nil if none has by now.
  func nextFinished() throws -> Int32?
  /// The largest number of bytes of memory that the first message of a channel takes on its way, beside the caller's.
  var slotBytes: Int { get }
  /// Whether nothing is under way.
  var isIdle: Bool { get }
  /// The ranks at the other ends of the messages under way.
  var awaitedRanks: [Int] { get }
  /// The call that the messages belong to, where ranks compare calls.
  var call: (agreement: Agreement, number: UInt64)? { get }
}

extension MessageSet: Transport {}
