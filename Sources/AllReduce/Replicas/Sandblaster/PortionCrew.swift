internal import AllReduceMPI

/// A message between the coordinator and a worker: four 64-bit words.
struct PortionMessage {
  enum Kind: Int64 {
    // Sent to a worker.
    case compute = 1, accepted, rejected, flush, stop
    // Sent by a worker.
    case ready, done, flushed
  }

  static let wordCount = 4

  var kind: Kind
  var evaluation = 0
  var portion = 0
  var value = 0.0

  init(_ kind: Kind, evaluation: Int = 0, portion: Int = 0, value: Double = 0) {
    (self.kind, self.evaluation, self.portion, self.value) = (kind, evaluation, portion, value)
  }

  init?(words: [Int64]) {
    guard let kind = Kind(rawValue: words[0]) else { return nil }
    self.init(
      kind, evaluation: Int(words[1]), portion: Int(words[2]),
      value: Double(bitPattern: UInt64(bitPattern: words[3])))
  }

  var words: [Int64] {
    [
      kind.rawValue, Int64(evaluation), Int64(portion), Int64(bitPattern: value.bitPattern),
    ]
  }
}

/// The coordinator's side of its workers: sends portions to them and receives their results.
final class PortionCrew {
  private let workers: Range<Int>
  private let pushEvery: Int
  private let link: Communicator
  private var evaluation = 0
  private var idle: Set<Int> = []
  /// For each worker, the number of its results that it has not yet pushed to the servers.
  private var held: [Int: Int] = [:]
  private(set) var doubled = 0

  init(_ workers: Range<Int>, pushEvery: Int, over link: Communicator) {
    (self.workers, self.pushEvery, self.link) = (workers, max(1, pushEvery), link)
  }

  /// Has the workers compute all portions at the servers' point; on return the servers have the gradient.
  ///
  /// - Returns: The sum of the portions' values.
  func compute(portions: Int) throws -> Double {
    evaluation += 1
    var queue = PortionQueue(count: portions)
    var values = [Double](repeating: 0, count: portions)
    while queue.left > 0 || held.values.contains(where: { $0 > 0 }) {
      for worker in idle.sorted() {
        let holds = held[worker, default: 0]
        if holds < pushEvery, queue.left > 0, let portion = queue.next(for: worker) {
          try send(PortionMessage(.compute, evaluation: evaluation, portion: portion), to: worker)
        } else if holds > 0 {
          try send(PortionMessage(.flush), to: worker)
        } else {
          continue
        }
        idle.remove(worker)
      }
      let (worker, report) = try nextReport()
      switch report.kind {
      case .done:
        let isFirst = report.evaluation == evaluation && queue.finish(report.portion)
        if isFirst {
          values[report.portion] = report.value
          held[worker, default: 0] += 1
        }
        try send(PortionMessage(isFirst ? .accepted : .rejected), to: worker)
      case .flushed: held[worker] = 0
      default: idle.insert(worker)
      }
    }
    doubled += queue.doubled
    // Added in the order of the portions, whichever result arrived first.
    return values.reduce(0, +)
  }

  /// Stops the workers, after each has finished its present portion.
  func stop() throws {
    while idle.count < workers.count {
      let (worker, report) = try nextReport()
      if report.kind == .done { try send(PortionMessage(.rejected), to: worker) }
      if report.kind == .ready { idle.insert(worker) }
    }
    for worker in workers { try send(PortionMessage(.stop), to: worker) }
  }

  private func nextReport() throws -> (worker: Int, PortionMessage) {
    let (source, words) = try link.waitPatiently(
      from: nil, tag: VectorTag.report, count: PortionMessage.wordCount, hasDeadline: true,
      awaiting: Array(workers), "the coordinator's wait for its workers")
    guard let report = PortionMessage(words: words) else {
      preconditionFailure("rank \(source) sent no report: \(words)")
    }
    return (source, report)
  }

  private func send(_ message: PortionMessage, to worker: Int) throws {
    try link.send(message.words, to: worker, tag: VectorTag.work)
  }
}

extension Communicator {
  /// Waits for a small message, mostly asleep instead of polling.
  func waitPatiently(
    from source: Int?, tag: Int, count: Int, hasDeadline: Bool, awaiting ranks: [Int],
    _ what: String
  ) throws -> (source: Int, words: [Int64]) {
    let begin = monotonicNanoseconds()
    var wait = PatientWait(on: self)
    while true {
      if let message = try probeIfAvailable(from: source, tag: tag) {
        wait.wake()
        var words = [Int64](repeating: 0, count: count)
        try receive(into: &words, from: message.source, tag: tag)
        return (message.source, words)
      }
      wait.rest(heard: hasDeadline ? begin : monotonicNanoseconds(), of: ranks, what)
    }
  }
}
