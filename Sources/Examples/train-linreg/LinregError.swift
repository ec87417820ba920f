import AllReduce
import ExampleSupport

/// The errors of a training run, except those of bad data.
enum LinregError: ExitCoded, CustomStringConvertible {
  /// The loss grew at learning rate `rate`; `safe` is a rate at which it does not.
  case diverged(rate: Double, safe: Double)
  /// The ranks' result differs from that of one process by more than the limit.
  case checkFailed(difference: Double, limit: Double)

  var exitCode: Int32 {
    switch self {
    case .diverged: 65
    case .checkFailed: 1
    }
  }

  var description: String {
    switch self {
    case .diverged(let rate, let safe):
      "The descent diverges with --learning-rate \(rate); use \(safe) or less, or leave the "
        + "option out."
    case .checkFailed(let difference, let limit):
      "The check failed: one process finds a theta that differs by "
        + "\(difference.formatted(digits: 3)), more than \(limit)."
    }
  }
}
