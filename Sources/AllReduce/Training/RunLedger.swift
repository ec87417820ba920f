internal import AllReduceMPI
internal import AllReduceNN

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Counts how the time of a training run was spent, over all attempts at the run, in seconds; on rank 0.
///
/// The sums are kept in a file in the checkpoint folder. From this file a new attempt learns how much time the attempt
/// before it lost: the steps after its last checkpoint, and the time from its last write of the file to the first new
/// step.
final class RunLedger {
  private var counted = WorkProgress.Seconds()
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
  /// When the step began that is not yet added, and the seconds that this rank had waited before it.
  private var (begin, waitedBefore) = (ContinuousClock.now, 0.0)
  /// The sum of all seconds when this attempt began.
  private var totalBefore = 0.0
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
    counted.useful = number("useful_seconds")
    (counted.repeated, counted.saving) = (number("repeated_seconds"), number("saving_seconds"))
    counted.waiting = number("waiting_seconds")
    (counted.restarting, counted.other) = (number("restarting_seconds"), number("other_seconds"))
    totalBefore = counted.total
    failures = (try? fields.count("failures")) ?? 0
    if (try? fields.boolean("has_ended")) == true { return }
    failures += 1
    // Steps after the last checkpoint are repeated.
    let lost = (
      useful: min(number("unsaved_useful_seconds"), counted.useful),
      waiting: min(number("unsaved_waiting_seconds"), counted.waiting)
    )
    counted.useful -= lost.useful
    counted.waiting -= lost.waiting
    counted.repeated += lost.useful + lost.waiting
    let latest = number("time")
    if latest > 0, latest < since { since = latest }
  }

  /// The sums, which together are the time from the beginning of the first attempt: what is in no other sum is in
  /// ``WorkProgress/Seconds/other`` or, before this attempt's first step, in ``WorkProgress/Seconds/restarting``.
  var seconds: WorkProgress.Seconds {
    var all = counted
    let rest = max(0, totalBefore + secondsSince1970() - since - counted.total)
    if isNew { all.restarting += rest } else { all.other += rest }
    return all
  }

  /// Notes that a step or an evaluation begins.
  ///
  /// - Parameter waited: The seconds for which this rank has waited for other ranks so far.
  func beginStep(waited: Double = 0) {
    (begin, waitedBefore) = (.now, waited)
    guard isNew else { return }
    counted.restarting = seconds.restarting
    isNew = false
    // So that a failure before the next write counts.
    keep()
  }

  /// Adds the time since the step or the evaluation began, or since the latest call.
  ///
  /// - Parameter waited: The seconds for which this rank has waited for other ranks so far.
  func addStep(waited: Double = 0) {
    let now = ContinuousClock.now
    let all = (now - begin) / .seconds(1)
    let waiting = max(0, min(waited - waitedBefore, all))
    counted.waiting += waiting
    counted.useful += all - waiting
    unsaved.useful += all - waiting
    unsaved.waiting += waiting
    (begin, waitedBefore) = (now, waited)
  }

  /// Adds the seconds for which training stopped to write a checkpoint, or to copy the state for a write in the
  /// background.
  ///
  /// - Parameters:
  ///   - all: The seconds.
  ///   - isNewest: Whether a failed run would resume from the checkpoint, as it does not from one that is only the best.
  func addSave(_ all: Double, isNewest: Bool) {
    counted.saving += all
    guard isNewest else { return }
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
    do {
      let file = try OutputFile(path: path, .own)
      try file.write(text + "\n")
      try file.finish()
    } catch {
      // On a full disk the time of the last file shows that the run is alive: `train-restart` looks at it.
      utimensat(AT_FDCWD, path, nil, 0)
    }
  }

  /// Returns the sums as members of a JSON object.
  static func members(_ seconds: WorkProgress.Seconds) -> [(String, JSONValue)] {
    [
      ("useful_seconds", .number(seconds.useful)), ("repeated_seconds", .number(seconds.repeated)),
      ("saving_seconds", .number(seconds.saving)), ("waiting_seconds", .number(seconds.waiting)),
      ("restarting_seconds", .number(seconds.restarting)),
      ("other_seconds", .number(seconds.other)),
    ]
  }
}

extension WorkProgress.Seconds {
  /// The sums and the goodput as a JSON object, as in reports.
  package var json: JSONValue {
    .object(RunLedger.members(self) + [("goodput", .number(orNull: goodput))])
  }
}
