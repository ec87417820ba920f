internal import AllReduceMPI
internal import AllReduceNN

/// Where the seconds of a training run went, over all attempts at it: on rank 0.
///
/// A file in the folder of the states keeps the sums, so that an attempt knows what the ones before it have lost:
/// seconds of steps after the last state, and those from the last sign of life to the first new step.
final class RunLedger {
  private(set) var seconds = WorkProgress.Seconds()
  /// Failures so far: attempts that neither ended nor were asked to stop.
  private(set) var failures = 0
  /// Seconds that a writing of the state holds training up, on average; nil before there was one.
  private(set) var secondsASave: Double?

  private let path: String?
  /// Seconds of steps since the last state: useful ones, and waiting.
  private var unsaved = (useful: 0.0, waiting: 0.0)
  /// Those of them that the state has which is being written.
  private var copied = (useful: 0.0, waiting: 0.0)
  /// The seconds that the last writing of a state took while the training continued.
  private var secondsOfWriting = 0.0
  private var isNew = true
  /// The wall clock when this attempt's time begins: at the last sign of life of the one that failed, or now.
  private var since: Double
  private var nextWrite: ContinuousClock.Instant
  /// When a state was written last, or the attempt began.
  private(set) var savedAt: ContinuousClock.Instant
  private var saves = 0

  private static let period = Duration.seconds(2)

  /// Goes on from what attempts before have left.
  ///
  /// - Parameters:
  ///   - folder: The folder of the states; nil to keep nothing.
  ///   - resumes: Whether this is another attempt; else what is there is forgotten.
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
    // Steps after the state are repeated.
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

  /// A step begins.
  func beginStep() {
    guard isNew else { return }
    isNew = false
    seconds.restarting += max(0, secondsSince1970() - since)
  }

  /// A step, or an evaluation, has been done.
  ///
  /// - Parameters:
  ///   - all: Its seconds.
  ///   - waiting: The seconds of these in which this rank waited for other ranks.
  func add(_ all: Double, waiting: Double = 0) {
    let waiting = max(0, min(waiting, all))
    seconds.waiting += waiting
    seconds.useful += all - waiting
    unsaved.useful += all - waiting
    unsaved.waiting += waiting
  }

  /// The state was written, or copied to be written; training stood still for it.
  func addSave(_ all: Double) {
    seconds.saving += all
    secondsASave = ((secondsASave ?? 0) * Double(saves) + all) / Double(saves + 1)
    (saves, savedAt) = (saves + 1, .now)
  }

  /// A state has been taken that has all steps so far; it is not on the disk yet.
  func didCopy() { copied = unsaved }

  /// That state is on the disk.
  ///
  /// - Parameter seconds: How long the writing took.
  func didSave(in seconds: Double = 0) {
    unsaved.useful -= copied.useful
    unsaved.waiting -= copied.waiting
    (copied, secondsOfWriting) = ((0, 0), seconds)
  }

  /// The seconds from one state to the next.
  ///
  /// The least is lost by the root of twice the seconds of a writing times the mean time between failures (Young,
  /// 1974), for which four hours are taken where there was no failure yet. Where states cost little they come sooner,
  /// since someone waits for the steps that a failure loses: as often as training stands still for at most one
  /// hundredth of the time, and a state is being written for at most a quarter of it.
  var bestInterval: Double {
    guard let secondsASave else { return 2 }
    let betweenFailures = failures > 0 ? seconds.total / Double(failures) : 4 * 3600
    let leastLost = (2 * secondsASave * max(betweenFailures, 1)).squareRoot()
    let cheap = max(100 * secondsASave, 4 * secondsOfWriting, 2)
    return min(max(min(leastLost, cheap), 10 * secondsASave, 1), 3600)
  }

  /// Writes what is known, now and then.
  func keepNowAndThen(_ now: ContinuousClock.Instant) {
    guard now >= nextWrite else { return }
    nextWrite = now + RunLedger.period
    keep()
  }

  /// Writes what is known; where that cannot be, an attempt after a failure counts less than was lost.
  ///
  /// - Parameter hasEnded: Whether no failure is to be counted if nothing comes after.
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

  /// The sums as members of a JSON object.
  static func members(_ seconds: WorkProgress.Seconds) -> [(String, JSONValue)] {
    [
      ("useful_seconds", .number(seconds.useful)), ("repeated_seconds", .number(seconds.repeated)),
      ("saving_seconds", .number(seconds.saving)), ("waiting_seconds", .number(seconds.waiting)),
      ("restarting_seconds", .number(seconds.restarting)),
    ]
  }
}

extension WorkProgress.Seconds {
  /// A JSON object, as in reports.
  package var json: JSONValue {
    .object(RunLedger.members(self) + [("goodput", .number(orNull: goodput))])
  }
}
