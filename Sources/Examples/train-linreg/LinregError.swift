import AllReduce
import ExampleSupport

/// The errors of training other than bad data.
enum LinregError: ExitCoded, CustomStringConvertible {
  /// The learning rate makes the loss grow.
  case diverged(rate: Double, safe: Double)
  /// The ranks together did not find what one process finds.
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
