#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Records when spans started and ended on this rank, in memory that is allocated once.
///
/// Code to be traced tests `if let recorder` around each span: without a recorder, that test is the only cost. With a
/// recorder, a span costs two clock reads and one store. When the memory is full, further spans are counted but not
/// stored. Not thread-safe.
public final class SpanRecorder {
  /// A span's name, valid for this recorder only.
  package struct Name: Hashable, Sendable {
    let number: Int32
  }

  /// The track of the trace on which a span is drawn.
  package enum Track: Int32, Sendable {
    /// Work of this rank; spans are nested or follow each other.
    case computation
    /// Exchanges in flight during that work; spans may overlap.
    case exchange
    /// A value that changes over time: not a span, but the value from a moment on.
    case counter
  }

  /// A recorded piece of work, exchange or counter value.
  package struct Span: Sendable {
    fileprivate let number: Int32
    /// The track on which the span is drawn.
    package let track: Track
    /// When the span started, in nanoseconds of ``SpanRecorder/now()``.
    package let start: Int64
    /// When the span ended, in nanoseconds of ``SpanRecorder/now()``.
    package let end: Int64
    /// A number that distinguishes the span from others of the same name, such as the number of the step; negative for
    /// none. For a counter, the bits of its value.
    package let detail: Int64
    /// The value, if this is a counter.
    package var value: Double { Double(bitPattern: UInt64(bitPattern: detail)) }
  }

  /// The number of spans that the memory has room for.
  package let capacity: Int
  /// The number of spans recorded.
  package private(set) var count = 0
  /// The number of spans dropped because the memory was full.
  package private(set) var dropped = 0

  private let memory: UnsafeMutablePointer<Span>
  private var names: [String] = []
  private var numbers: [String: Int32] = [:]
  private var layers: [ObjectIdentifier: Name] = [:]

  /// Creates a recorder and allocates its memory, 32 bytes per span.
  public init(capacity: Int = 1 << 18) {
    precondition(
      capacity > 0, "a span recorder must have room for 1 or more spans, not \(capacity)")
    self.capacity = capacity
    memory = .allocate(capacity: capacity)
    // Touch the memory now, so that no span waits for page faults.
    UnsafeMutableRawPointer(memory).initializeMemory(
      as: UInt8.self, repeating: 0, count: capacity * MemoryLayout<Span>.stride)
  }

  deinit { memory.deallocate() }

  /// Returns the current time in nanoseconds, by a clock that all processes on a host share (`CLOCK_MONOTONIC`).
  package static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Returns the name for spans with this text. Call it once per name, not once per span.
  package func name(_ text: String) -> Name {
    if let number = numbers[text] { return Name(number: number) }
    let name = Name(number: Int32(names.count))
    names.append(text)
    numbers[text] = name.number
    return name
  }

  /// Records a span that started at `start` and, by default, ends now.
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

  /// Records a counter's value, which holds from now on.
  package func count(_ name: Name, _ value: Double) {
    let now = SpanRecorder.now()
    add(
      name, from: now, to: now, track: .counter,
      detail: Int(Int64(bitPattern: value.bitPattern)))
  }

  /// Calls `body` for each span, with its name, in the order in which the spans were recorded.
  package func forEach(_ body: (_ name: String, _ span: Span) -> Void) {
    for index in 0..<count { body(names[Int(memory[index].number)], memory[index]) }
  }

  /// Names the layers of a network by their paths and summaries, such as "2 Dense 512 -> 512"; a layer with children by
  /// its path and type.
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

  /// Records a layer's pass, which started at `start` and ends now.
  package func add<Scalar>(_ layer: any Layer<Scalar>, from start: Int64) {
    let end = SpanRecorder.now()
    let name = layers[ObjectIdentifier(layer)] ?? self.name(layer.summary)
    add(name, from: start, to: end)
  }
}
