internal import AllReduceNN

/// The spans that one rank recorded, as events of Chrome's trace format.
package struct TraceEvents {
  /// Spans as they are written: an own thread for what would overlap.
  private struct Drawn {
    let name: String
    let track: SpanRecorder.Track
    let thread: Int
    let start: Int64
    let end: Int64
    let detail: Int64
  }

  /// When the first span began, by rank 0's clock; nil if there is none.
  package let start: Int64?
  private let rank: Int
  private let size: Int
  private var drawn: [Drawn] = []
  private var threads = 1

  /// Orders spans by their starts, the longer first, and finds a thread for each.
  ///
  /// - Parameters:
  ///   - recorder: The rank's spans.
  ///   - rank: The rank.
  ///   - size: The number of ranks.
  ///   - ahead: Nanoseconds that its clock is ahead.
  package init(_ recorder: SpanRecorder, rank: Int, of size: Int = 1, ahead: Int64 = 0) {
    (self.rank, self.size) = (rank, size)
    var spans: [(name: String, span: SpanRecorder.Span)] = []
    spans.reserveCapacity(recorder.count)
    recorder.forEach { spans.append(($0, $1)) }
    spans.sort { ($0.span.start, $1.span.end) < ($1.span.start, $0.span.end) }
    start = spans.first.map { $0.span.start - ahead }
    // The end of the last span on each thread of the exchange.
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

  /// The events, separated by commas, a line each.
  ///
  /// - Parameters:
  ///   - origin: The time that is written as 0.
  ///   - process: The rank's name, after its number.
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

  /// Arrows between the ranks' spans of one exchange, as a ring: from where this rank's begins to where the next rank's
  /// ends, because no rank has the sum before all have begun.
  private func flows(of span: Drawn, _ number: Int, since origin: Int64) -> String {
    func event(_ kind: String, from sender: Int, at time: Int64) -> String {
      ",\n{\"name\": \"sum\", \"cat\": \"exchange\", \"ph\": \(kind), \"id\": "
        + JSONValue.text("\(span.name), \(number), \(sender)").encodedOnOneLine()
        + ", \"pid\": \(rank), \"tid\": \(span.thread), \"ts\": \(microseconds(time - origin))}"
    }
    return event("\"s\"", from: rank, at: span.start)
      + event("\"f\", \"bp\": \"e\"", from: (rank + size - 1) % size, at: span.end)
  }

  /// Nanoseconds as microseconds with three decimals, exactly.
  private func microseconds(_ nanoseconds: Int64) -> String {
    let (whole, rest) = (abs(nanoseconds) / 1000, abs(nanoseconds) % 1000)
    let decimals = rest < 10 ? "00\(rest)" : rest < 100 ? "0\(rest)" : "\(rest)"
    return (nanoseconds < 0 ? "-" : "") + "\(whole).\(decimals)"
  }
}
