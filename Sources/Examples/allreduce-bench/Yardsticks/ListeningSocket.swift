import AllReduce

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A TCP socket that waits for one connection.
final class ListeningSocket {
  private let descriptor: Int32
  private let token = UInt64.random(in: 1 ... .max)
  private var port: UInt16 = 0

  init() throws {
    descriptor = StreamSocket.make()
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else { throw BenchError.wire(StreamSocket.reason("bind")) }
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit { close(descriptor) }

  /// The port, the token and the addresses of this socket, for the rank that connects.
  var offer: String { "\(port) \(token) " + addresses.joined(separator: " ") }

  /// Accepts the connection of the peer that sends the right token.
  func accept() throws -> StreamSocket {
    for _ in 0..<20 {
      var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, 30_000) == 1 else { break }
      #if canImport(Glibc)
        let accepted = Glibc.accept(descriptor, nil, nil)
      #else
        let accepted = Darwin.accept(descriptor, nil, nil)
      #endif
      if accepted >= 0, StreamSocket.exchange(token, accepted) {
        return StreamSocket(owning: accepted)
      }
      if accepted >= 0 { close(accepted) }
    }
    throw BenchError.wire("rank 0 did not connect")
  }

  /// The IPv4 addresses of this host's interfaces that are up, without the loopback interface.
  private var addresses: [String] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    let (up, loop) = (UInt32(IFF_UP), UInt32(IFF_LOOPBACK))
    var found: [String] = []
    var next = first
    while let interface = next?.pointee {
      next = interface.ifa_next
      guard let address = interface.ifa_addr, Int32(address.pointee.sa_family) == AF_INET,
        interface.ifa_flags & up != 0, interface.ifa_flags & loop == 0
      else { continue }
      var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
      address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        _ = inet_ntop(AF_INET, &$0.pointee.sin_addr, &text, socklen_t(text.count))
      }
      found.append(
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return found
  }
}
