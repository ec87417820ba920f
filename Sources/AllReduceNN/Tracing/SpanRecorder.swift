#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Records when spans began and ended on this rank, in memory that is allocated once.
///
/// Code that may have a recorder asks `if let recorder` around each span: without one nothing else is done.
/// With one a span costs two readings of the clock and a store. When the memory is full further spans are
/// only counted. Not for several threads.
public final class SpanRecorder {
  /// The name of a span, for this recorder.
  package struct Name: Hashable, Sendable {
    let number: Int32
  }

  /// Where a span is drawn.
  package enum Track: Int32, Sendable {
    /// Work of the rank; spans lie within each other or side by side.
    case computation
    /// Exchanges under way meanwhile; spans overlap.
    case exchange
    /// A value over time: no span, but what it was from a moment on.
    case counter
  }

  /// Something that took time.
  package struct Span: Sendable {
    fileprivate let number: Int32
    /// Where it is drawn.
    package let track: Track
    /// Nanoseconds of ``SpanRecorder/now()``.
    package let start: Int64
    /// Likewise.
    package let end: Int64
    /// A number that distinguishes it from others of its name, such as the step's; negative for none. Of a counter the
    /// bits of its value.
    package let detail: Int64
    /// The value of a counter.
    package var value: Double { Double(bitPattern: UInt64(bitPattern: detail)) }
  }

  /// How many spans there is room for.
  package let capacity: Int
  /// The number of spans.
  package private(set) var count = 0
  /// How many spans were dropped because the memory was full.
  package private(set) var dropped = 0

  private let memory: UnsafeMutablePointer<Span>
  private var names: [String] = []
  private var numbers: [String: Int32] = [:]
  private var layers: [ObjectIdentifier: Name] = [:]

  /// Allocates memory: 32 bytes a span.
  public init(capacity: Int = 1 << 18) {
    precondition(capacity > 0, "a recorder has room for 1 or more spans, not \(capacity)")
    self.capacity = capacity
    memory = .allocate(capacity: capacity)
    // Touched now, so that no span waits for the memory.
    UnsafeMutableRawPointer(memory).initializeMemory(
      as: UInt8.self, repeating: 0, count: capacity * MemoryLayout<Span>.stride)
  }

  deinit { memory.deallocate() }

  /// The present, in nanoseconds, by a clock that all processes of a host share (`CLOCK_MONOTONIC`).
  package static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// A name for spans; ask once, not for each span.
  package func name(_ text: String) -> Name {
    if let number = numbers[text] { return Name(number: number) }
    let name = Name(number: Int32(names.count))
    names.append(text)
    numbers[text] = name.number
    return name
  }

  /// Notes that something began and has ended now.
  package func add(
    _ name: Name, from start: Int64, to end: Int64 = SpanRecorder.now(),
    track: Track = .computation, detail: Int = -1
  ) {
    guard count < capacity else {
      dropped += 1
      return
    }
    (memory + count).initialize(
      to: Span(number: name.number, track: track, start: start, end: end, detail: Int64(detail)))
    count += 1
  }

  /// Notes a value that holds from now on.
  package func count(_ name: Name, _ value: Double) {
    let now = SpanRecorder.now()
    add(
      name, from: now, to: now, track: .counter,
      detail: Int(Int64(bitPattern: value.bitPattern)))
  }

  /// The spans in the order of their ends, with their names.
  package func forEach(_ body: (_ name: String, _ span: Span) -> Void) {
    for index in 0..<count { body(names[Int(memory[index].number)], memory[index]) }
  }

  /// Gives the layers of a network names: their paths and what they are, "2 Dense 512 -> 512".
  package func nameLayers<Scalar>(below layer: any Layer<Scalar>, path: String = "") {
    for (name, child) in layer.children {
      let path = path.isEmpty ? name : "\(path).\(name)"
      let isPlain = child.children.isEmpty
      layers[ObjectIdentifier(child)] = self.name(
        "\(path) \(isPlain ? child.summary : "\(type(of: child))".prefix { $0 != "<" }.description)"
      )
      nameLayers(below: child, path: path)
    }
  }

  /// Notes a layer's pass.
  package func add<Scalar>(_ layer: any Layer<Scalar>, from start: Int64) {
    let end = SpanRecorder.now()
    let name = layers[ObjectIdentifier(layer)] ?? self.name(layer.summary)
    add(name, from: start, to: end)
  }
}
