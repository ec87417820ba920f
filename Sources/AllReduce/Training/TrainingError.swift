internal import AllReduceMPI

/// Why a training run cannot begin or continue; the same on all ranks.
package enum TrainingError: ExitCoded, CustomStringConvertible, Equatable {
  /// The settings do not fit each other, the data, or the checkpoint to resume from.
  case settings(String)
  /// The loss or the gradient of a step is NaN or infinite, or the update gave `parameter` such weights on `rank`.
  /// `epoch` and `step` count from 1.
  case diverged(
    epoch: Int, step: Int, learningRate: Double, parameter: String? = nil, rank: Int? = nil)
  /// A tensor that was to be written to a checkpoint has elements that are NaN or infinite.
  case notFinite(tensor: String)

  /// 64 (wrong usage) for settings; otherwise 65 (bad data).
  package var exitCode: Int32 {
    switch self {
    case .settings: 64
    case .diverged, .notFinite: 65
    }
  }

  /// A message that says what is wrong and what to do.
  package var description: String {
    switch self {
    case .settings(let text): text
    case .notFinite(let tensor):
      "\(tensor) has elements that are NaN or infinite, so the state is not written, and the one before stays: "
        + "the training has diverged; begin again with a smaller learning rate, a warm-up, or clipping."
    case .diverged(let epoch, let step, let rate, let parameter?, let rank?):
      "The update of \(parameter) by rank \(rank) gave weights that are NaN or infinite, by step \(step) of epoch "
        + "\(epoch): the training diverges with a learning rate of \(rate); use a smaller one, a warm-up, or clipping."
    case .diverged(let epoch, let step, let rate, _, _):
      "The loss is not a finite number after step \(step) of epoch \(epoch): the training diverges with a "
        + "learning rate of \(rate); use a smaller one, a warm-up, or clipping."
    }
  }
}
