import AllReduce

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// One end of a TCP connection.
final class StreamSocket {
  private let descriptor: Int32

  init(owning descriptor: Int32) {
    self.descriptor = descriptor
    var on: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close(descriptor) }

  /// Connects to the rank that made the offer, through the first of the offered addresses that works.
  ///
  /// Some addresses of a host, such as those of container networks, may belong to another machine when seen from
  /// elsewhere; so the peer proves its identity by answering with the token.
  convenience init(connectingTo offer: String) throws {
    let words = offer.split(separator: " ")
    let port = words.first.flatMap { UInt16($0) } ?? 0
    let token = words.count > 1 ? UInt64(words[1]) ?? 0 : 0
    for address in words.dropFirst(2) {
      let descriptor = StreamSocket.make()
      if StreamSocket.connect(descriptor, String(address), port),
        StreamSocket.exchange(token, descriptor)
      {
        self.init(owning: descriptor)
        return
      }
      close(descriptor)
    }
    throw BenchError.wire("none of \(words.dropFirst(2).joined(separator: ", ")) can be reached")
  }

  /// Sends some of the bytes; returns the number of bytes sent.
  func send(_ bytes: UnsafeRawBufferPointer) throws -> Int {
    let count = Self.write(descriptor, bytes)
    if count <= 0 { throw BenchError.wire(Self.reason("send")) }
    return count
  }

  /// Receives bytes into the buffer, at most its size; returns the number of bytes received.
  func receive(_ bytes: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = recv(descriptor, bytes.baseAddress, bytes.count, 0)
    if count <= 0 {
      throw BenchError.wire(count == 0 ? "the other end closed" : Self.reason("recv"))
    }
    return count
  }

  private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #else
      Darwin.send(descriptor, bytes.baseAddress, bytes.count, 0)
    #endif
  }

  static func make() -> Int32 {
    #if canImport(Glibc)
      socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      socket(AF_INET, SOCK_STREAM, 0)
    #endif
  }

  static func reason(_ call: String) -> String { "\(call): \(String(cString: strerror(errno)))" }

  private static func connect(_ descriptor: Int32, _ address: String, _ port: UInt16) -> Bool {
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = port.bigEndian
    guard inet_pton(AF_INET, address, &target.sin_addr) == 1 else { return false }
    // Without a limit, connecting to an address that leads nowhere would take minutes to fail.
    limitWaits(descriptor, seconds: 2)
    return withUnsafePointer(to: &target) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        #if canImport(Glibc)
          Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        #else
          Darwin.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        #endif
      }
    }
  }

  /// Sends the token and waits up to 2 seconds for the peer to send the same; returns whether it did. Afterwards
  /// sending and receiving may take up to 60 seconds.
  static func exchange(_ token: UInt64, _ descriptor: Int32) -> Bool {
    limitWaits(descriptor, seconds: 2)
    defer { limitWaits(descriptor, seconds: 60) }
    var theirs: UInt64 = 0
    let isSent = withUnsafeBytes(of: token) { write(descriptor, $0) == $0.count }
    let isReceived = withUnsafeMutableBytes(of: &theirs) {
      recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_WAITALL)) == $0.count
    }
    return isSent && isReceived && theirs == token
  }

  private static func limitWaits(_ descriptor: Int32, seconds: Int) {
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }
}
