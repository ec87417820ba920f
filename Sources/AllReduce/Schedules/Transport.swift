package import AllReduceMPI

/// Sends and receives the messages of a schedule. No method blocks.
///
/// Both ends know a message by its sender, its receiver, its call and its number on the channel. The schedule knows a
/// message by the label that was given when the message was posted.
package protocol Transport: AnyObject {
  /// Begins the messages of a call. No message may be in flight.
  func begin(_ ticket: Ticket)
  /// Starts to send bytes, which must not change until ``nextFinished()`` has returned the label.
  func send(
    _ bytes: UnsafeRawPointer, count: Int, to peer: Int32, message: Int32, label: Int32) throws
  /// Starts to receive exactly `count` bytes.
  func receive(
    into bytes: UnsafeMutableRawPointer, count: Int, from peer: Int32, message: Int32, label: Int32
  ) throws
  /// Returns the label of a message that has completed, or nil if there is none at present.
  func nextFinished() throws -> Int32?
  /// The maximum number of bytes that the first message of a channel needs in addition to the caller's memory.
  var slotBytes: Int { get }
  /// Whether no message is in flight.
  var isIdle: Bool { get }
  /// The ranks at the other ends of the messages in flight.
  var awaitedRanks: [Int] { get }
  /// The call that the messages belong to; nil if ranks do not compare calls.
  var call: (agreement: Agreement, number: UInt64)? { get }
}

extension MessageSet: Transport {}
