import AllReduce

/// What can go wrong besides bad data.
enum ClassifierError: ExitCoded, CustomStringConvertible {
  /// Options that do not fit each other or the data.
  case usage(String)
  /// The loss is no number any more.
  case diverged(epoch: Int, step: Int, rate: Double)

  var exitCode: Int32 {
    switch self {
    case .usage: 64
    case .diverged: 65
    }
  }

  var description: String {
    switch self {
    case .usage(let text): text
    case .diverged(let epoch, let step, let rate):
      "The loss is no finite number after step \(step) of epoch \(epoch): the training diverges with a "
        + "learning rate of \(rate); use a smaller one, --warm-up or --clip."
    }
  }
}
