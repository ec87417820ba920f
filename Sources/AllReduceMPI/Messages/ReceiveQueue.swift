/// The receives of one communicator whose messages have not begun to arrive, in the order in which they were started.
///
/// MPI keeps the order of the receives that it knows, but it does not know these: a receive is posted to MPI only once
/// its message is there. So the order is kept here: a message goes to the first receive that matches its source and
/// tag.
final class ReceiveQueue {
  private var receives: [ReceiveRequest] = []

  /// Adds a receive, and sets its ``ReceiveRequest/rivals`` to the number of earlier receives that may match the same
  /// message.
  func append(_ receive: ReceiveRequest) {
    receive.rivals = receives.count { $0.mayWantTheSame(as: receive) }
    receives.append(receive)
  }

  /// Removes a receive whose message has begun to arrive, or that is cancelled.
  func remove(_ receive: ReceiveRequest) {
    guard let index = receives.firstIndex(where: { $0 === receive }) else { return }
    receives.remove(at: index)
    for later in receives[index...] where later.mayWantTheSame(as: receive) { later.rivals -= 1 }
  }

  /// Returns whether a message goes to one of the receives, or, if `receive` is given, to a receive before it.
  func claims(_ message: MessageInfo, before receive: ReceiveRequest? = nil) -> Bool {
    for earlier in receives {
      if earlier === receive { return false }
      if earlier.wants(message) { return true }
    }
    return false
  }
}
