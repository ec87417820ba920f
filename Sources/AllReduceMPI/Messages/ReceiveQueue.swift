/// The receives of one communicator that have not met their message yet, as they were posted.
///
/// MPI keeps the order of the receives that it knows. It does not know these: they are posted only
/// once a message of the right size is there. So the order is kept here: a message goes to the first
/// receive that names its source and tag.
final class ReceiveQueue {
  private var receives: [ReceiveRequest] = []

  /// Adds a receive, and reports to it how many of those before it may match the same message.
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

  /// Whether a message goes to one of the receives, or to one of those before `receive`.
  func claims(_ message: MessageInfo, before receive: ReceiveRequest? = nil) -> Bool {
    for earlier in receives {
      if earlier === receive { return false }
      if earlier.wants(message) { return true }
    }
    return false
  }
}
