public import AllReduceMPI

/// Why a training cannot begin, or go on. The same on all ranks.
public enum TrainingError: ExitCoded, CustomStringConvertible, Equatable {
  /// The settings do not fit each other, the data, or the state that is to be gone on from.
  case settings(String)
  /// The loss or the gradient of a step is NaN or infinite. Epoch and step count from 1.
  case diverged(epoch: Int, step: Int, learningRate: Double)

  /// 64, wrong usage, or 65.
  public var exitCode: Int32 {
    switch self {
    case .settings: 64
    case .diverged: 65
    }
  }

  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .settings(let text): text
    case .diverged(let epoch, let step, let rate):
      "The loss is no finite number after step \(step) of epoch \(epoch): the training diverges with a "
        + "learning rate of \(rate); use a smaller one, a warm-up, or clipping."
    }
  }
}
