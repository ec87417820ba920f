import AllReduce
import ExampleSupport

/// The status of one rank, seen on this host or reported by another host.
struct RankRow: Decodable {
  let rank: Int
  let host: String
  let process: Int
  let condition: String
  /// Whether the rank has come to `MPI.run`, and whether it has left it.
  let hasCome: Bool
  let isDone: Bool
  let seconds: Double?
  let lastCall: String?
  let number: Int?
  let wait: String?
  let awaited: [Int]?
  let limitSeconds: Double?
  let deadlineSeconds: Double?
  let progress: Progress?
  /// The rank's last calls, the latest first; nil if they were not asked for.
  let calls: [MadeCall]?

  /// A call, with the numbers that may have 64 bits as text.
  struct MadeCall: Decodable {
    let communicator: String
    let number: Int
    let hash: String
    let call: String
  }

  struct Progress: Decodable {
    let step: Int
    let steps: Int
    let figureName: String
    let figure: Double?
    let rate: Double
    let secondsSinceStep: Double
    let usefulSeconds: Double
    let repeatedSeconds: Double
    let savingSeconds: Double
    let waitingSeconds: Double
    let restartingSeconds: Double
    let otherSeconds: Double
  }

  init(_ status: RankStatus, hasCalls: Bool) {
    calls = hasCalls ? status.calls.map { MadeCall($0) } : nil
    (rank, host, process) = (status.rank, status.host, status.process)
    (condition, seconds) = (status.condition.rawValue, status.seconds)
    (hasCome, isDone) = (status.hasCome, status.isDone)
    (lastCall, number) = (status.lastCall?.words, status.lastCall?.number)
    (wait, awaited, limitSeconds) = (status.wait?.words, status.awaited, status.limit)
    deadlineSeconds = status.deadline
    progress = status.progress.map { work, seconds in
      let parts = work.seconds
      return Progress(
        step: work.done, steps: work.steps, figureName: work.figure.name,
        figure: work.figure.value.isFinite ? work.figure.value : nil, rate: work.rate,
        secondsSinceStep: seconds, usefulSeconds: parts.useful, repeatedSeconds: parts.repeated,
        savingSeconds: parts.saving, waitingSeconds: parts.waiting,
        restartingSeconds: parts.restarting, otherSeconds: parts.other)
    }
  }

  /// Creates the row of a rank about which only the place and the condition are known.
  init(rank: Int, process: Int, host: String, condition: String) {
    (self.rank, self.host, self.process, self.condition) = (rank, host, process, condition)
    (seconds, lastCall, number, wait, awaited) = (nil, nil, nil, nil, nil)
    (limitSeconds, deadlineSeconds, progress, calls) = (nil, nil, nil, nil)
    (hasCome, isDone) = (true, false)
  }

  var json: JSONValue {
    .object([
      ("rank", .integer(rank)), ("host", .text(host)), ("process", .integer(process)),
      ("condition", .text(condition)), ("has_come", .boolean(hasCome)),
      ("is_done", .boolean(isDone)), ("seconds", .number(orNull: seconds)),
      ("last_call", lastCall.map { .text($0) } ?? .null),
      ("number", number.map { .integer($0) } ?? .null),
      ("wait", wait.map { .text($0) } ?? .null),
      ("awaited", awaited.map { .integers($0) } ?? .null),
      ("limit_seconds", .number(orNull: limitSeconds)),
      ("deadline_seconds", .number(orNull: deadlineSeconds)),
      ("progress", progress?.json ?? .null),
      ("calls", calls.map { .list($0.map(\.json)) } ?? .null),
    ])
  }

  /// When the wait is warned of and when it ends the job, in words; empty for a rank that does not wait.
  var limits: String {
    guard wait != nil, condition != "stopped", let limitSeconds else { return "" }
    let end = deadlineSeconds.map { seconds in
      let decimals = seconds == seconds.rounded() ? 0 : 1
      return "ends at \(seconds.formatted(decimals: decimals)) s"
    }
    return "warned at \(limitSeconds.formatted(decimals: 1)) s, \(end ?? "no deadline")"
  }

  /// The rank in the graph of waits; nil for a rank that has left MPI, which keeps no other rank waiting.
  var node: WaitGraph.Node? {
    WaitGraph.Node(
      rank: rank, condition: condition, hasCome: hasCome, isDone: isDone, wait: wait,
      awaited: awaited)
  }
}

extension RankRow.Progress {
  var json: JSONValue {
    .object([
      ("step", .integer(step)), ("steps", .integer(steps)), ("figure_name", .text(figureName)),
      ("figure", .number(orNull: figure)), ("rate", .number(rate)),
      ("seconds_since_step", .number(secondsSinceStep)), ("useful_seconds", .number(usefulSeconds)),
      ("repeated_seconds", .number(repeatedSeconds)), ("saving_seconds", .number(savingSeconds)),
      ("waiting_seconds", .number(waitingSeconds)),
      ("restarting_seconds", .number(restartingSeconds)), ("other_seconds", .number(otherSeconds)),
    ])
  }

  /// The progress as two lines of text.
  var text: String {
    let share = steps > 0 ? 100 * Double(step) / Double(steps) : 0
    let all =
      usefulSeconds + repeatedSeconds + savingSeconds + waitingSeconds + restartingSeconds
      + otherSeconds
    return
      "step \(step.grouped) of \(steps.grouped) (\(share.formatted(decimals: 1))%), \(figureName) "
      + "\((figure ?? .nan).formatted(digits: 5)), \(Int(rate).grouped) examples/s; the latest step ended "
      + "\(secondsSinceStep.formatted(decimals: 1)) s ago\n"
      + "goodput \((all > 0 ? (usefulSeconds + waitingSeconds) / all : 0).formatted(decimals: 3)): useful "
      + "\(usefulSeconds.formatted(decimals: 1)) s, repeated \(repeatedSeconds.formatted(decimals: 1)) s, saving "
      + "\(savingSeconds.formatted(decimals: 1)) s, waiting \(waitingSeconds.formatted(decimals: 1)) s, restarting "
      + "\(restartingSeconds.formatted(decimals: 1)) s, other \(otherSeconds.formatted(decimals: 1)) s"
  }
}

extension RankRow.MadeCall {
  init(_ made: CallComparison.MadeCall) {
    communicator = String(made.communicator, radix: 16)
    number = Int(truncatingIfNeeded: made.number)
    (hash, self.call) = (String(made.running, radix: 16), made.words)
  }

  /// The call as it is compared.
  var made: CallComparison.MadeCall {
    CallComparison.MadeCall(
      communicator: UInt64(communicator, radix: 16) ?? 0,
      number: UInt64(truncatingIfNeeded: number), running: UInt64(hash, radix: 16) ?? 0, words: call
    )
  }

  var json: JSONValue {
    .object([
      ("communicator", .text(communicator)), ("number", .integer(number)), ("hash", .text(hash)),
      ("call", .text(call)),
    ])
  }
}
