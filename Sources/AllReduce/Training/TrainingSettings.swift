internal import AllReduceMPI
internal import AllReduceNN

/// A folder that keeps a training run's latest states (``Checkpoint``), of one job at a time.
public struct Checkpoints: Sendable {
  /// The folder; made if its parent is there.
  package var folder: String
  /// The steps from one writing of the state to the next; it is also written at the end. Nil: after every epoch.
  package var everySteps: Int?
  /// Chooses the time from one writing to the next by what a writing costs and how often the training has failed,
  /// instead of ``everySteps`` and after every epoch.
  package var isAutomatic = false
  /// Resumes from the state in the folder, on any number of ranks, with any plan. Otherwise a folder that has a
  /// state is refused.
  package var resumes: Bool

  /// How many states are kept, 1 to 100: the newest, and those before it, for when the newest is damaged.
  public var generations: Int
  /// Whether the best state of all epochs by the test is kept too, as `best.safetensors`: that of the largest accuracy,
  /// or where targets are numbers of the smallest loss, and among equals the first.
  public var keepsBest = false

  /// Names the folder.
  public init(
    folder: String, everySteps: Int? = nil, resumes: Bool = false, generations: Int = 2
  ) {
    (self.folder, self.everySteps, self.resumes) = (folder, everySteps, resumes)
    self.generations = generations
  }
}

/// Ends a training run when the test accuracy has not grown for some epochs, or where targets are numbers the test
/// loss has not fallen.
public struct EarlyStopping: Sendable {
  /// The epochs without growth after which it ends.
  package var patience: Int
  /// The least change that counts as an improvement.
  package var leastGain: Double

  /// Sets the number of epochs to wait for an improvement, and the least improvement that counts.
  public init(patience: Int, leastGain: Double = 0) {
    precondition(patience >= 1, "patience is 1 epoch or more, not \(patience)")
    (self.patience, self.leastGain) = (patience, leastGain)
  }

  /// Whether it ends after epochs with these accuracies.
  func ends(after accuracies: [Double]) -> Bool {
    guard let first = accuracies.first else { return false }
    var (best, since) = (first, 0)
    for accuracy in accuracies.dropFirst() {
      if accuracy > best + leastGain { (best, since) = (accuracy, 0) } else { since += 1 }
    }
    return since >= patience
  }
}

/// How a run reports its progress.
package struct ProgressWriters {
  /// Gets a line now and then; nil for none.
  package var write: ((String) -> Void)?
  /// Called ten times a second with a line that replaces the one before, and the share that is done.
  package var live: ((_ text: String, _ share: Double) -> Void)?
  /// The time between lines that stay.
  package var interval: Duration = .seconds(2)
  /// Whether there are lines about steps; warnings are written in any case.
  package var tellsOfSteps = true

  /// Where lines go.
  package init(write: ((String) -> Void)? = nil) { self.write = write }
}

extension TrainingData {
  /// How good each epoch's weights are: the accuracy, or where targets are numbers the negative loss.
  func goodness(_ accuracies: [Double], losses: [Double]) -> [Double] {
    training.targetShape == nil ? accuracies : losses.map { -$0 }
  }

  /// How examples are read, with their shape, as a state keeps it.
  var keptFormat: ExampleFormat? {
    var format = format
    format?.shape = training.exampleShape.sizes
    return format
  }

  /// Whether the latest epoch's weights are better than all before.
  func isBest(after accuracies: [Double], losses: [Double]) -> Bool {
    let goodness = goodness(accuracies, losses: losses)
    guard let latest = goodness.last else { return false }
    return goodness.dropLast().allSatisfy { latest > $0 }
  }
}

/// Progress lines of long work, every two seconds. Work that ends sooner writes none.
struct Progress {
  private let writers: ProgressWriters?
  private let start: ContinuousClock.Instant
  private var last: ContinuousClock.Instant

  init(_ writers: ProgressWriters?, since start: ContinuousClock.Instant) {
    (self.writers, self.start, last) = (writers, start, start)
  }

  /// Writes a line if it is time for one; `text` is given the time passed.
  mutating func update(
    _ now: ContinuousClock.Instant, share: Double, _ text: (Duration) -> String
  ) {
    guard let writers, writers.tellsOfSteps else { return }
    let interval = writers.live == nil ? writers.interval : .milliseconds(100)
    guard now - last >= interval else { return }
    last = now
    if let live = writers.live {
      live(text(now - start), share)
    } else {
      writers.write?(text(now - start))
    }
  }

  /// "1:05 left".
  static func left(_ passed: Duration, done: Int, of all: Int) -> String {
    let seconds = Int(passed / .seconds(1) / Double(max(done, 1)) * Double(all - done))
    let rest = seconds % 60
    return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest) left"
  }

  /// A loss, with four digits after the point.
  static func text(_ loss: Double) -> String {
    guard loss.isFinite, abs(loss) < 1e12 else { return "\(loss)" }
    let scaled = Int((abs(loss) * 10_000).rounded())
    let digits = String(scaled % 10_000)
    return (loss < 0 ? "-" : "") + "\(scaled / 10_000)."
      + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
