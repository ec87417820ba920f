import AllReduce

/// A lower bound of the time of an all-reduce across hosts: sending the bytes that every host has to send, 2(h-1)/h of
/// the buffer for h hosts, as one TCP stream without adding anything up.
///
/// Rank 0 sends them to the first rank of another host; all other ranks do nothing.
final class WireYardstick {
  private let socket: StreamSocket?
  private let isSender: Bool
  private let hosts: Int
  private let chunk: UnsafeMutableRawBufferPointer

  /// Connects rank 0 with the first rank of another host. Collective.
  init(_ world: Communicator) throws {
    let receiver = world.hosts[1][0]
    hosts = world.hosts.count
    isSender = world.isRoot
    chunk = .allocate(byteCount: 1 << 20, alignment: 4096)
    chunk.initializeMemory(as: UInt8.self, repeating: 0)
    let isReceiver = world.rank == receiver
    let isSender = isSender
    let listener = try world.agreeing { isReceiver ? try ListeningSocket() : nil }
    let offer = try world.broadcast(listener?.offer ?? "", from: receiver)
    socket = try world.agreeing {
      if isSender { return try StreamSocket(connectingTo: offer) }
      return try listener?.accept()
    }
  }

  deinit { chunk.deallocate() }

  /// Sends the bytes that each host must send in an all-reduce of `bytes` bytes. Collective.
  func run(bytes: Int) throws {
    guard let socket else { return }
    var rest = 2 * (hosts - 1) * bytes / hosts
    while rest > 0 {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(rest, chunk.count)])
      rest -= isSender ? try socket.send(UnsafeRawBufferPointer(part)) : try socket.receive(part)
    }
  }
}
