internal import AllReduceMPI
internal import AllReduceNN

/// Counts how the time of a training run was spent, over all attempts at the run, in seconds; on rank 0.
///
/// The sums are kept in a file in the checkpoint folder. From this file a new attempt learns how much time the attempt
/// before it lost: the steps after its last checkpoint, and the time from its last write of the file to the first new
/// step.
final class RunLedger {
  private(set) var seconds = WorkProgress.Seconds()
  /// The number of attempts so far that failed: they neither ended nor were asked to stop.
  private(set) var failures = 0
  /// The mean time for which writing a checkpoint stops training, in seconds; nil before the first checkpoint.
  private(set) var secondsASave: Double?

  private let path: String?
  /// The seconds of steps since the last completed checkpoint: useful ones, and ones spent waiting.
  private var unsaved = (useful: 0.0, waiting: 0.0)
  /// The part of `unsaved` that the checkpoint being written contains.
  private var copied = (useful: 0.0, waiting: 0.0)
  /// How long the last checkpoint was written in the background, in seconds; 0 if training waited for it.
  private var secondsOfWriting = 0.0
  private var isNew = true
  /// The time at which this attempt's time begins, in seconds since 1970: when the failed attempt before it last wrote
  /// the file, or when this object was created.
  private var since: Double
  private var nextWrite: ContinuousClock.Instant
  /// When the last checkpoint was taken or, before the first one, when this attempt began.
  private(set) var savedAt: ContinuousClock.Instant
  private var saves = 0

  private static let period = Duration.seconds(2)

  /// Creates a ledger. If the run resumes, it continues from the sums in the folder's file.
  ///
  /// - Parameters:
  ///   - folder: The checkpoint folder; nil to write no file.
  ///   - resumes: Whether this is another attempt at the same run; otherwise an existing file is ignored.
  init(folder: String?, resumes: Bool) {
    path = folder.map { "\($0)/goodput.json" }
    since = secondsSince1970()
    (nextWrite, savedAt) = (.now + RunLedger.period, .now)
    guard resumes, let path, let fields = try? StateFields(FileBytes.text(of: path)) else {
      return
    }
    func number(_ name: String) -> Double { max(0, (try? fields.number(name)) ?? 0) }
    seconds.useful = number("useful_seconds")
    (seconds.repeated, seconds.saving) = (number("repeated_seconds"), number("saving_seconds"))
    seconds.waiting = number("waiting_seconds")
    seconds.restarting = number("restarting_seconds")
    failures = (try? fields.count("failures")) ?? 0
    if (try? fields.boolean("has_ended")) == true { return }
    failures += 1
    // Steps after the last checkpoint are repeated.
    let lost = (
      useful: min(number("unsaved_useful_seconds"), seconds.useful),
      waiting: min(number("unsaved_waiting_seconds"), seconds.waiting)
    )
    seconds.useful -= lost.useful
    seconds.waiting -= lost.waiting
    seconds.repeated += lost.useful + lost.waiting
    let latest = number("time")
    if latest > 0, latest < since { since = latest }
  }

  /// Notes that a step begins. Before the first step, counts the time so far as restarting.
  func beginStep() {
    guard isNew else { return }
    isNew = false
    seconds.restarting += max(0, secondsSince1970() - since)
  }

  /// Adds the time of a step or an evaluation.
  ///
  /// - Parameters:
  ///   - all: The duration of the step or evaluation, in seconds.
  ///   - waiting: The part of this duration for which this rank waited for other ranks, in seconds.
  func add(_ all: Double, waiting: Double = 0) {
    let waiting = max(0, min(waiting, all))
    seconds.waiting += waiting
    seconds.useful += all - waiting
    unsaved.useful += all - waiting
    unsaved.waiting += waiting
  }

  /// Adds the seconds for which training stopped to write a checkpoint, or to copy the state for a write in the
  /// background.
  func addSave(_ all: Double) {
    seconds.saving += all
    secondsASave = ((secondsASave ?? 0) * Double(saves) + all) / Double(saves + 1)
    (saves, savedAt) = (saves + 1, .now)
  }

  /// Notes that the next checkpoint contains all steps so far; it is not on the disk yet.
  func didCopy() { copied = unsaved }

  /// Notes that the checkpoint of the last ``didCopy()`` is on the disk.
  ///
  /// - Parameter seconds: How long the checkpoint was written in the background; 0 if training waited for it.
  func didSave(in seconds: Double = 0) {
    unsaved.useful -= copied.useful
    unsaved.waiting -= copied.waiting
    (copied, secondsOfWriting) = ((0, 0), seconds)
  }

  /// The best time from one checkpoint to the next, in seconds; 2 before the first checkpoint.
  ///
  /// Let w be the mean time for which a checkpoint stops training, and m the mean time between failures, or four hours
  /// before the first failure. The interval that loses the least time is the square root of 2 * w * m (Young, 1974).
  /// Where checkpoints are cheap they are more frequent, so that a failure loses fewer steps: training is stopped for
  /// at most 1/100 of the time, and a checkpoint is being written for at most 1/4 of it. The interval is at least 10 *
  /// w and 1 second, and at most one hour.
  var bestInterval: Double {
    guard let secondsASave else { return 2 }
    let betweenFailures = failures > 0 ? seconds.total / Double(failures) : 4 * 3600
    let leastLost = (2 * secondsASave * max(betweenFailures, 1)).squareRoot()
    let cheap = max(100 * secondsASave, 4 * secondsOfWriting, 2)
    return min(max(min(leastLost, cheap), 10 * secondsASave, 1), 3600)
  }

  /// Writes the sums to the file, at most every two seconds.
  func keepNowAndThen(_ now: ContinuousClock.Instant) {
    guard now >= nextWrite else { return }
    nextWrite = now + RunLedger.period
    keep()
  }

  /// Writes the sums to the file. If this fails, the attempt after a failure counts less time as lost than really was.
  ///
  /// - Parameter hasEnded: Whether the run has ended or was stopped, so that the next attempt does not count a failure.
  func keep(hasEnded: Bool = false) {
    guard let path else { return }
    let text = JSONValue.object(
      RunLedger.members(seconds) + [
        ("failures", .integer(failures)), ("unsaved_useful_seconds", .number(unsaved.useful)),
        ("unsaved_waiting_seconds", .number(unsaved.waiting)),
        ("time", .number(secondsSince1970())), ("has_ended", .boolean(hasEnded)),
      ]
    ).encoded()
    guard let file = try? OutputFile(path: path, .own) else { return }
    try? file.write(text + "\n")
    try? file.finish()
  }

  /// Returns the sums as members of a JSON object.
  static func members(_ seconds: WorkProgress.Seconds) -> [(String, JSONValue)] {
    [
      ("useful_seconds", .number(seconds.useful)), ("repeated_seconds", .number(seconds.repeated)),
      ("saving_seconds", .number(seconds.saving)), ("waiting_seconds", .number(seconds.waiting)),
      ("restarting_seconds", .number(seconds.restarting)),
    ]
  }
}

extension WorkProgress.Seconds {
  /// The sums and the goodput as a JSON object, as in reports.
  package var json: JSONValue {
    .object(RunLedger.members(self) + [("goodput", .number(orNull: goodput))])
  }
}
