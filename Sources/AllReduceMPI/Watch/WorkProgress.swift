/// The progress of a rank's work, such as a training, for `allreduce-status`.
package struct WorkProgress: Equatable, Sendable {
  /// Where the time of a work went, in seconds; after a failure the work may be started again.
  package struct Seconds: Equatable, Sendable {
    /// The seconds spent in steps that were not lost, without waiting in them.
    package var useful = 0.0
    /// The seconds spent in steps that were lost and had to be repeated, waiting included.
    package var repeated = 0.0
    /// The seconds for which steps stood still while checkpoints were written.
    package var saving = 0.0
    /// The seconds spent waiting for other ranks in steps that were not lost.
    package var waiting = 0.0
    /// The seconds from a failure, or from the beginning, to the next new step.
    package var restarting = 0.0
    /// The seconds spent on anything else, such as checksums at the end of an epoch and writing logs.
    package var other = 0.0

    /// Creates a record of zero seconds.
    package init() {}

    /// The sum of all seconds.
    package var total: Double { useful + repeated + saving + waiting + restarting + other }
    /// The fraction of the seconds spent in steps that were not lost, waiting included, 0...1; nil if there are no
    /// seconds yet.
    package var goodput: Double? { total > 0 ? (useful + waiting) / total : nil }
  }

  /// The number of steps that are done, and of all steps.
  package var (done, steps): (Int, Int)
  /// The name and value of the work's measure of quality, such as "loss".
  package var figure: (name: String, value: Double)
  /// The number of examples per second; 0 if not known yet.
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

  /// Writes the progress to this rank's record, which costs some stores to memory.
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
    (record[.restarting], record[.other]) = (
      seconds.restarting.bitPattern, seconds.other.bitPattern
    )
  }

  /// Removes the progress from this rank's record, because the work has ended.
  package static func hide() {
    (OwnRecord.ofProcess[.steps], OwnRecord.ofProcess[.workSince]) = (0, 0)
  }
}

extension WatchRecord {
  /// The progress of the rank's work; nil if it has none.
  var progress: WorkProgress? {
    guard self[.steps] > 0 else { return nil }
    var seconds = WorkProgress.Seconds()
    (seconds.useful, seconds.repeated) = (number(.useful), number(.repeated))
    (seconds.saving, seconds.waiting) = (number(.saving), number(.waiting))
    (seconds.restarting, seconds.other) = (number(.restarting), number(.other))
    return WorkProgress(
      done: Int(truncatingIfNeeded: self[.stepsDone]), of: Int(truncatingIfNeeded: self[.steps]),
      text(.figureName), number(.figure), rate: number(.rate), seconds)
  }
}
