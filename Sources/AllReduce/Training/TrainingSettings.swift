internal import AllReduceMPI
internal import AllReduceNN

/// Where and how often a training run writes checkpoints (``Checkpoint``), and whether it resumes from one. Only one
/// job at a time can use the folder.
public struct Checkpoints: Sendable {
  /// The folder for the checkpoints. It is created if it does not exist; its parent must exist.
  package var folder: String
  /// The number of steps from one checkpoint to the next; nil to write one after every epoch. A checkpoint is also
  /// written at the end.
  package var everySteps: Int?
  /// Whether the time between checkpoints is chosen from the cost of writing one and the frequency of failures, instead
  /// of a checkpoint after every epoch. If ``everySteps`` is set, checkpoints are also written at those steps.
  package var isAutomatic = false
  /// Whether to resume from the checkpoint in the folder, on any number of ranks and with any plan. Otherwise a folder
  /// that contains a checkpoint is refused.
  package var resumes: Bool

  /// The number of checkpoints that are kept, 1 to 100: the newest, and the ones before it in case the newest is
  /// damaged.
  public var generations: Int
  /// Whether the checkpoint of the best epoch is kept too, as `best.safetensors`: the epoch with the largest test
  /// accuracy or, if the targets are numbers, with the smallest test loss. Of equal epochs it is the first.
  public var keepsBest = false

  /// Creates the settings; each parameter sets the property of the same name.
  public init(
    folder: String, everySteps: Int? = nil, resumes: Bool = false, generations: Int = 2
  ) {
    (self.folder, self.everySteps, self.resumes) = (folder, everySteps, resumes)
    self.generations = generations
  }
}

/// Ends a training run when the test accuracy (or the test loss, if the targets are numbers) has not improved for a
/// number of epochs.
public struct EarlyStopping: Sendable {
  /// The number of epochs without improvement after which the run ends.
  package var patience: Int
  /// The change that an improvement must exceed to count.
  package var leastGain: Double

  /// Creates the rule from the number of epochs to wait for an improvement, and the change that an improvement must
  /// exceed.
  public init(patience: Int, leastGain: Double = 0) {
    precondition(patience >= 1, "patience must be 1 epoch or more, not \(patience)")
    (self.patience, self.leastGain) = (patience, leastGain)
  }

  /// Returns whether the run ends after epochs with these accuracies (or negative losses).
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
  /// Called with warnings and, unless ``live`` is set, with a line of progress every ``interval``; nil for none.
  package var write: ((String) -> Void)?
  /// Called at most ten times per second with a line of progress that replaces the one before, and the fraction of the
  /// work that is done; nil for none.
  package var live: ((_ text: String, _ share: Double) -> Void)?
  /// The time between lines of progress that are passed to ``write``.
  package var interval: Duration = .seconds(2)
  /// Whether lines of progress about steps are written; warnings are always written.
  package var tellsOfSteps = true

  /// Creates writers that pass lines to `write`.
  package init(write: ((String) -> Void)? = nil) { self.write = write }
}

extension TrainingData {
  /// Returns how good each epoch's weights are: the accuracy or, if the targets are numbers, the negative loss.
  func goodness(_ accuracies: [Double], losses: [Double]) -> [Double] {
    training.targetShape == nil ? accuracies : losses.map { -$0 }
  }

  /// How examples are read, with their shape, as stored in checkpoints; nil if this is not known.
  var keptFormat: ExampleFormat? {
    var format = format
    format?.shape = training.exampleShape.sizes
    return format
  }

  /// Returns whether the latest epoch's weights are better than those of all epochs before.
  func isBest(after accuracies: [Double], losses: [Double]) -> Bool {
    let goodness = goodness(accuracies, losses: losses)
    guard let latest = goodness.last else { return false }
    return goodness.dropLast().allSatisfy { latest > $0 }
  }
}

/// Writes lines of progress during long work, every two seconds by default. Work that ends sooner writes none.
struct Progress {
  private let writers: ProgressWriters?
  private let start: ContinuousClock.Instant
  private var last: ContinuousClock.Instant

  init(_ writers: ProgressWriters?, since start: ContinuousClock.Instant) {
    (self.writers, self.start, last) = (writers, start, start)
  }

  /// Writes a line if one is due; `text` is called with the time since the start.
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

  /// Returns an estimate of the remaining time, such as "1:05 left".
  static func left(_ passed: Duration, done: Int, of all: Int) -> String {
    let seconds = Int(passed / .seconds(1) / Double(max(done, 1)) * Double(all - done))
    let rest = seconds % 60
    return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest) left"
  }

  /// Returns a loss with four digits after the decimal point.
  static func text(_ loss: Double) -> String {
    guard loss.isFinite, abs(loss) < 1e12 else { return "\(loss)" }
    let scaled = Int((abs(loss) * 10_000).rounded())
    let digits = String(scaled % 10_000)
    return (loss < 0 ? "-" : "") + "\(scaled / 10_000)."
      + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
