/// A queue of future events, earliest first; events of the same time leave in the order in which they were added.
///
/// A binary heap.
struct EventQueue<Kind> {
  private struct Event {
    var time: Double
    var number: Int
    var kind: Kind
    var step: Int32

    static func < (a: Event, b: Event) -> Bool {
      a.time != b.time ? a.time < b.time : a.number < b.number
    }
  }

  private var events: ContiguousArray<Event> = []
  private var added = 0

  /// Adds an event: its time, its kind, and the step that it belongs to.
  mutating func add(_ time: Double, _ kind: Kind, _ step: Int) {
    let event = Event(time: time, number: added, kind: kind, step: Int32(step))
    added += 1
    var place = events.count
    events.append(event)
    while place > 0 {
      let parent = (place - 1) / 2
      if !(event < events[parent]) { break }
      events[place] = events[parent]
      place = parent
    }
    events[place] = event
  }

  /// Removes and returns the earliest event; nil if there is none.
  mutating func popFirst() -> (time: Double, kind: Kind, step: Int)? {
    guard let first = events.first else { return nil }
    let last = events.removeLast()
    if !events.isEmpty { sink(last) }
    return (first.time, first.kind, Int(first.step))
  }

  /// Puts an event in the place of the first, and moves it down the heap to where it belongs.
  private mutating func sink(_ event: Event) {
    var place = 0
    while true {
      var child = 2 * place + 1
      if child >= events.count { break }
      if child + 1 < events.count, events[child + 1] < events[child] { child += 1 }
      if !(events[child] < event) { break }
      events[place] = events[child]
      place = child
    }
    events[place] = event
  }
}
