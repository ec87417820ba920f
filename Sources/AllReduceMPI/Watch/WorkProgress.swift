/// How far the work of a rank has come, for `allreduce-status`.
package struct WorkProgress: Equatable, Sendable {
  /// Where the seconds of a work went that may be begun again after a failure.
  package struct Seconds: Equatable, Sendable {
    /// Steps that last, without the waiting in them.
    package var useful = 0.0
    /// Steps that were lost, and are done again.
    package var repeated = 0.0
    /// Writing states, as far as steps stood still for it.
    package var saving = 0.0
    /// Waiting for other ranks in steps that last.
    package var waiting = 0.0
    /// From a failure, or the beginning, to the next new step.
    package var restarting = 0.0

    /// Nothing yet.
    package init() {}

    /// All of them.
    package var total: Double { useful + repeated + saving + waiting + restarting }
    /// The part that became steps that last, 0...1; nil before there is any.
    package var goodput: Double? { total > 0 ? (useful + waiting) / total : nil }
  }

  /// Steps that are done, and all of them.
  package var (done, steps): (Int, Int)
  /// Its measure of quality, and the name of the measure: "loss".
  package var figure: (name: String, value: Double)
  /// Examples a second; 0 if not known yet.
  package var rate: Double
  package var seconds: Seconds

  package init(
    done: Int, of steps: Int, _ name: String, _ value: Double, rate: Double, _ seconds: Seconds
  ) {
    (self.done, self.steps, figure) = (done, steps, (name, value))
    (self.rate, self.seconds) = (rate, seconds)
  }

  package static func == (a: WorkProgress, b: WorkProgress) -> Bool {
    a.done == b.done && a.steps == b.steps && a.figure == b.figure && a.rate == b.rate
      && a.seconds == b.seconds
  }

  /// Shows it, in this rank's record: some stores to memory.
  package func show() {
    let record = OwnRecord.ofProcess
    let now = monotonicNanoseconds()
    if record[.workSince] == 0 {
      record[.workSince] = now
      record.write(figure.name, to: .figureName)
    }
    (record[.stepsDone], record[.steps]) = (UInt64(done), UInt64(steps))
    record[.steppedAt] = now
    // Not in a loop over a list: that would allocate memory in every step.
    (record[.figure], record[.rate]) = (figure.value.bitPattern, rate.bitPattern)
    (record[.useful], record[.repeated]) = (
      seconds.useful.bitPattern, seconds.repeated.bitPattern
    )
    (record[.saving], record[.waiting]) = (seconds.saving.bitPattern, seconds.waiting.bitPattern)
    record[.restarting] = seconds.restarting.bitPattern
  }

  /// The work has ended.
  package static func hide() {
    (OwnRecord.ofProcess[.steps], OwnRecord.ofProcess[.workSince]) = (0, 0)
  }
}

extension WatchRecord {
  /// How far the rank's work has come; nil if it has none.
  var progress: WorkProgress? {
    guard self[.steps] > 0 else { return nil }
    var seconds = WorkProgress.Seconds()
    (seconds.useful, seconds.repeated) = (number(.useful), number(.repeated))
    (seconds.saving, seconds.waiting) = (number(.saving), number(.waiting))
    seconds.restarting = number(.restarting)
    return WorkProgress(
      done: Int(truncatingIfNeeded: self[.stepsDone]), of: Int(truncatingIfNeeded: self[.steps]),
      text(.figureName), number(.figure), rate: number(.rate), seconds)
  }
}
