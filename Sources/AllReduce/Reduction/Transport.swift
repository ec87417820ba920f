package import AllReduceMPI

/// What moves the messages of a schedule. Nothing here waits.
///
/// A message is known to both ends by its sender, its receiver and its tag, and to the schedule by
/// the label given when it was posted.
package protocol Transport: AnyObject {
  /// Starts to send bytes, which must stay as they are until the label has come back.
  func send(_ bytes: UnsafeRawPointer, count: Int, to peer: Int32, tag: Int32, label: Int32) throws
  /// Starts to receive exactly `count` bytes.
  func receive(
    into bytes: UnsafeMutableRawPointer, count: Int, from peer: Int32, tag: Int32, label: Int32
  ) throws
  /// The label of a message that has ended, or nil if none has by now.
  func nextFinished() throws -> Int32?
  /// The ranks at the other ends of the messages under way.
  var awaitedRanks: [Int] { get }
}

extension MessageSet: Transport {}
