internal import AllReduceNN

/// The spans that one rank recorded, as events in Chrome's trace format.
package struct TraceEvents {
  /// A span with the thread that it is drawn on: exchanges that overlap are on different threads.
  private struct Drawn {
    let name: String
    let track: SpanRecorder.Track
    let thread: Int
    let start: Int64
    let end: Int64
    let detail: Int64
  }

  /// The time when the first span began, on rank 0's clock, in nanoseconds; nil if there are no spans.
  package let start: Int64?
  private let rank: Int
  private let size: Int
  private var drawn: [Drawn] = []
  private var threads = 1

  /// Sorts the spans by their start, the longer first, and assigns a thread to each.
  ///
  /// - Parameters:
  ///   - recorder: The rank's spans.
  ///   - rank: The rank.
  ///   - size: The number of ranks.
  ///   - ahead: The number of nanoseconds by which the rank's clock is ahead of rank 0's.
  package init(_ recorder: SpanRecorder, rank: Int, of size: Int = 1, ahead: Int64 = 0) {
    (self.rank, self.size) = (rank, size)
    var spans: [(name: String, span: SpanRecorder.Span)] = []
    spans.reserveCapacity(recorder.count)
    recorder.forEach { spans.append(($0, $1)) }
    spans.sort { ($0.span.start, $1.span.end) < ($1.span.start, $0.span.end) }
    start = spans.first.map { $0.span.start - ahead }
    // For each thread of exchanges, the end of its last span.
    var ends: [Int64] = []
    for (name, span) in spans {
      var thread = 0
      if span.track == .exchange {
        let lane = ends.firstIndex { $0 <= span.start } ?? ends.count
        if lane == ends.count { ends.append(span.end) } else { ends[lane] = span.end }
        thread = 1 + lane
      }
      drawn.append(
        Drawn(
          name: name, track: span.track, thread: thread, start: span.start - ahead,
          end: span.end - ahead, detail: span.detail))
    }
    threads += ends.count
  }

  /// Returns the events as text, separated by commas, one event per line.
  ///
  /// - Parameters:
  ///   - origin: The time that is written as 0, in nanoseconds on rank 0's clock.
  ///   - process: The rank's name, which follows its number.
  /// - Returns: The elements of a JSON list, without its brackets.
  package func text(since origin: Int64, process: String) -> String {
    func meta(_ name: String, thread: Int, _ value: (String, JSONValue)) -> String {
      JSONValue.object([
        ("name", .text(name)), ("ph", .text("M")), ("pid", .integer(rank)),
        ("tid", .integer(thread)), ("args", .object([value])),
      ]).encodedOnOneLine()
    }
    var text = meta("process_name", thread: 0, ("name", .text("rank \(rank) \(process)")))
    text += ",\n" + meta("process_sort_index", thread: 0, ("sort_index", .integer(rank)))
    for thread in 0..<threads {
      let name = thread == 0 ? "computation" : "exchange \(thread)"
      text += ",\n" + meta("thread_name", thread: thread, ("name", .text(name)))
    }
    var quoted: [String: String] = [:]
    var seen: [String: Int] = [:]
    for span in drawn {
      let name = quoted[span.name] ?? JSONValue.text(span.name).encodedOnOneLine()
      quoted[span.name] = name
      if span.track == .counter {
        let value = Double(bitPattern: UInt64(bitPattern: span.detail))
        text +=
          ",\n{\"name\": \(name), \"ph\": \"C\", \"pid\": \(rank), \"ts\": \(microseconds(span.start - origin)), "
          + "\"args\": {\(name): \(JSONValue.number(value).encodedOnOneLine())}}"
        continue
      }
      if span.track == .exchange, size > 1, span.name.hasPrefix("bucket") {
        seen[span.name, default: 0] += 1
        text += flows(of: span, seen[span.name] ?? 0, since: origin)
      }
      text +=
        ",\n{\"name\": \(name), \"ph\": \"X\", \"pid\": \(rank), \"tid\": \(span.thread), \"ts\": "
        + "\(microseconds(span.start - origin)), \"dur\": \(microseconds(span.end - span.start))"
        + (span.detail < 0 ? "}" : ", \"args\": {\"number\": \(span.detail)}}")
    }
    return text
  }

  /// Returns the events of the arrows between the ranks' spans of one exchange, drawn as a ring: from the start of this
  /// rank's span to the end of the next rank's, because no rank has the sum before all ranks have begun.
  private func flows(of span: Drawn, _ number: Int, since origin: Int64) -> String {
    func event(_ kind: String, from sender: Int, at time: Int64) -> String {
      ",\n{\"name\": \"sum\", \"cat\": \"exchange\", \"ph\": \(kind), \"id\": "
        + JSONValue.text("\(span.name), \(number), \(sender)").encodedOnOneLine()
        + ", \"pid\": \(rank), \"tid\": \(span.thread), \"ts\": \(microseconds(time - origin))}"
    }
    return event("\"s\"", from: rank, at: span.start)
      + event("\"f\", \"bp\": \"e\"", from: (rank + size - 1) % size, at: span.end)
  }

  /// Formats nanoseconds as microseconds with three decimals, exactly.
  private func microseconds(_ nanoseconds: Int64) -> String {
    let (whole, rest) = (abs(nanoseconds) / 1000, abs(nanoseconds) % 1000)
    let decimals = rest < 10 ? "00\(rest)" : rest < 100 ? "0\(rest)" : "\(rest)"
    return (nanoseconds < 0 ? "-" : "") + "\(whole).\(decimals)"
  }
}
