internal import AllReduceNN

/// Records the spans of the forward and backward passes.
struct PassSpans {
  private let recorder: SpanRecorder
  private let forward: SpanRecorder.Name
  private let backward: SpanRecorder.Name

  init(_ recorder: SpanRecorder) {
    self.recorder = recorder
    forward = recorder.name("forward")
    backward = recorder.name("backward")
  }

  func endForward(from start: Int64) { recorder.add(forward, from: start) }

  func endBackward(from start: Int64) { recorder.add(backward, from: start) }
}

/// Records the span of each bucket's exchange, from ``begin(_:)`` to ``end(_:)``.
struct BucketSpans {
  private let recorder: SpanRecorder
  private let names: [SpanRecorder.Name]
  private var starts: [Int64]

  init(_ recorder: SpanRecorder, _ names: [String]) {
    self.recorder = recorder
    self.names = names.map(recorder.name)
    starts = [Int64](repeating: 0, count: names.count)
  }

  mutating func begin(_ bucket: Int) { starts[bucket] = SpanRecorder.now() }

  func end(_ bucket: Int) {
    recorder.add(names[bucket], from: starts[bucket], track: .exchange)
  }
}
