public import AllReduceMPI
public import AllReduceNN

/// A timeline of all ranks in one file, in Chrome's trace format. Open it in Perfetto (ui.perfetto.dev) or
/// `chrome://tracing`.
///
/// Each rank is a process, "rank 0 on HOST", with one thread "computation", and one thread "exchange N" for each of the
/// exchanges that were in flight at the same time. Times are microseconds since the first span of any rank, on the
/// clock of rank 0. Ranks on one host share a clock; the clocks of different hosts are aligned, and
/// `otherData.clock_error_us` has the largest error for each rank.
///
/// ```swift
/// let trace = try TraceFile(path: "trace.json", over: world)
/// trainer.recorder = SpanRecorder()
/// // ... training ...
/// try trace.write(trainer.recorder!)
/// ```
public final class TraceFile {
  private let file: OutputFile?
  private let communicator: Communicator

  /// Creates the file on rank 0 before the training, so that a file that cannot be written is reported then.
  /// Collective.
  ///
  /// - Throws: ``AgreedError`` if the file cannot be written.
  public init(path: String, over communicator: Communicator) throws {
    // A communicator of its own, so that its messages do not match those that the user has in flight.
    self.communicator = try communicator.split(color: 0)
    file = try communicator.agreeing {
      guard communicator.isRoot else { return nil }
      return try OutputFile(path: path)
    }
  }

  /// Gathers the spans of all ranks and writes the file. Collective; call it once.
  ///
  /// - Parameter recorder: This rank's spans.
  /// - Returns: The number of spans, over all ranks, that were dropped because the recorders' memory was full.
  /// - Throws: ``AgreedError`` if the file cannot be written.
  @discardableResult
  public func write(_ recorder: SpanRecorder) throws -> Int {
    let clocks = try HostClocks(communicator)
    let events = TraceEvents(
      recorder, rank: communicator.rank, of: communicator.size,
      ahead: clocks.offsets[communicator.rank])
    let start = try communicator.allGatherNatively(Int(events.start ?? Int64.max)).min() ?? 0
    let dropped = try communicator.allGatherNatively(recorder.dropped)
    let own = Array(
      events.text(since: Int64(start), process: "on \(communicator.processorName)").utf8)
    let lengths = try communicator.allGatherNatively(own.count)
    guard let file else {
      try communicator.send(own, to: 0)
      try communicator.agreeing {}
      return dropped.reduce(0, +)
    }
    var failure: (any Error)?
    func keep(_ text: String) {
      guard failure == nil else { return }
      do { try file.write(text) } catch { failure = error }
    }
    let other = JSONValue.object([
      ("ranks", .integer(communicator.size)), ("hosts", .integer(communicator.hosts.count)),
      ("clock_error_us", .numbers(clocks.errors.map { Double($0) / 1000 })),
      ("spans_left_out", .integers(dropped)),
    ])
    keep("{\"displayTimeUnit\": \"ms\", \"otherData\": \(other.encodedOnOneLine()),\n")
    keep("\"traceEvents\": [\n")
    for rank in 0..<communicator.size {
      var text = own
      if rank > 0 {
        text = [UInt8](repeating: 0, count: lengths[rank])
        try communicator.receive(into: &text, from: rank)
      }
      if rank > 0 { keep(",\n") }
      keep(String(decoding: text, as: UTF8.self))
    }
    keep("\n]}\n")
    try communicator.agreeing {
      if let failure { throw failure }
      try file.finish()
    }
    return dropped.reduce(0, +)
  }
}
