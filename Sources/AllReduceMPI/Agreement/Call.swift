/// A call on a communicator, described by everything on which its ranks must agree.
///
/// It has five words. Ranks compare a hash of the words (``hash``), and send the words themselves only for reports,
/// such as how two calls differ.
@usableFromInline
package struct Call: Equatable {
  /// The kind of the call.
  @usableFromInline
  package enum Kind: UInt8, CaseIterable {
    case allReduce = 1, reduceScatter, allGather, broadcast, reduce, gather, scatter, allToAll
    case barrier, split, splitByHost, duplicate, arena, agreement, text, exchange, message

    var name: String {
      switch self {
      case .agreement: "agreeing"
      case .text: "broadcast of a text"
      case .arena: "Arena.init"
      case .exchange: "an exchange of the library's own"
      case .message: "a message"
      default: "\(self)"
      }
    }
  }

  /// The call's kind, operation, type, algorithm, wire format, flags (in an arena, started) and root, from the lowest
  /// bits on in 8, 4, 4, 8, 4, 4 and 32 bits.
  @usableFromInline package var head: UInt64
  /// The number of elements; -1 where ranks may have different counts.
  @usableFromInline package var count: UInt64
  /// The largest number of bytes per message, or 0 for the algorithm's own choice; in MPI's gather and scatter, a hash
  /// of the ranks' counts.
  @usableFromInline package var segment: UInt64
  /// The arena's number (``ArenaMemory/identity``); 0 for none.
  @usableFromInline package var arena: UInt64
  /// The hash of the call's name (``CallName``); 0 for none.
  @usableFromInline package var name: UInt64

  @inlinable @inline(__always)
  package init(
    _ kind: Kind, _ operation: ReductionOperation? = nil, _ type: ScalarType? = nil,
    count: Int = 0, algorithm: AlgorithmKind = .automatic, wireFormat: WireFormat = .full,
    root: Int = 0, segment: Int = 0, arena: UInt64 = 0, name: UInt64 = 0
  ) {
    head = UInt64(kind.rawValue)
    head |= UInt64(operation?.rawValue ?? 15) << 8
    head |= UInt64(type?.rawValue ?? 15) << 12
    head |= UInt64(algorithm.rawValue) << 16
    head |= UInt64(wireFormat.rawValue) << 24
    head |= arena == 0 ? 0 : 1 << 28
    head |= UInt64(truncatingIfNeeded: root) << 32
    self.count = UInt64(bitPattern: Int64(count))
    self.segment = UInt64(bitPattern: Int64(segment))
    self.arena = arena
    self.name = name
  }

  @usableFromInline
  init(head: UInt64, count: UInt64, segment: UInt64, arena: UInt64, name: UInt64) {
    self.head = head
    self.count = count
    self.segment = segment
    self.arena = arena
    self.name = name
  }

  /// The value that stands for no call.
  @usableFromInline package static var none: Call {
    Call(head: 0, count: 0, segment: 0, arena: 0, name: 0)
  }

  /// Returns the upper half of the 128-bit product `a * b` XOR the lower half: each bit of the result depends on most
  /// bits of both factors.
  @inlinable @inline(__always)
  package static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// Whether the call was started to be waited for later, in calls whose ranks then exchange their data in a different
  /// way.
  package var isStarted: Bool {
    get { head >> 29 & 1 == 1 }
    set { head = head & ~(1 << 29) | (newValue ? 1 << 29 : 0) }
  }

  /// A 64-bit hash of the call; calls that differ almost surely have different hashes.
  @inlinable @inline(__always)
  package var hash: UInt64 {
    let one = Call.fold(head ^ 0x9E37_79B9_7F4A_7C15, count ^ 0xC2B2_AE3D_27D4_EB4F)
    let other = Call.fold(
      (arena &+ segment) ^ 0x1656_67B1_9E37_79F9, name ^ 0x27D4_EB2F_1656_67C5)
    return one ^ other
  }

  /// Returns the hash over all calls up to this one, given the hash over the calls before it.
  @inlinable @inline(__always)
  package func running(after earlier: UInt64) -> UInt64 {
    Call.fold(earlier ^ hash, 0xD6E8_FEB8_6659_FD93) &+ 1
  }

  private var kind: Kind? { Kind(rawValue: UInt8(truncatingIfNeeded: head)) }

  /// The kind of the call in words, without its numbers.
  var kindName: String { kind?.name ?? "an unknown call" }
}

extension Call: CustomStringConvertible {
  /// A description of the call, such as "allReduce (sum) of 1000 float by ring".
  @usableFromInline
  package var description: String { description(named: CallName.text(of: name)) }

  /// Same as ``description``, for a call of another process, or on another thread, where only the names of buckets are
  /// known.
  var descriptionOfOthers: String { description(named: CallName.bucketText(of: name)) }

  /// Returns the same as ``description``, with `text` as the call's name; nil shows the hash of the name.
  func description(named text: String?) -> String {
    let operation = ReductionOperation(rawValue: UInt8(head >> 8 & 15))
    let type = ScalarType(rawValue: UInt8(head >> 12 & 15))
    let algorithm = AlgorithmKind(rawValue: UInt8(truncatingIfNeeded: head >> 16)) ?? .automatic
    let format = WireFormat(rawValue: UInt8(head >> 24 & 15)) ?? .full
    var words = kind?.name ?? "an unknown call"
    if let operation { words += " (\(operation))" }
    if let type { words += " of \(count < 1 << 63 ? "\(count) " : "")\(type)" }
    if head >> 28 & 1 == 1 { words += " in arena \(hexadecimal(arena))" }
    switch kind {
    case .broadcast, .scatter, .text: words += " from rank \(head >> 32)"
    case .reduce, .gather: words += " to rank \(head >> 32)"
    default: break
    }
    if algorithm != .automatic { words += " by \(algorithm.name)" }
    if isStarted { words += ", started" }
    if segment != 0 && (algorithm != .native) { words += " in segments of \(segment) bytes" }
    if format != .full { words += ", sent as \(format)" }
    if name != 0 { words += ", named \(text.map { "\"\($0)\"" } ?? hexadecimal(name))" }
    return words
  }

  private func hexadecimal(_ number: UInt64) -> String {
    "#" + String(number & 0xFFFF_FFFF, radix: 16)
  }
}
