/// A comparison of a predicted step with measured ones, which finds the part with the largest error.
package struct PredictionCheck: Sendable {
  /// The seconds of a step and of its parts.
  package struct Parts: Sendable {
    package var step: Double
    package var compute: Double
    package var update: Double
    /// The seconds of exchanges that the step waits for.
    package var waiting: Double { max(0, step - compute - update) }

    package init(step: Double, compute: Double, update: Double) {
      (self.step, self.compute, self.update) = (step, compute, update)
    }
  }

  /// The number of steps after which the check is made.
  package static let steps = 50
  /// The number of first steps that the check leaves out.
  package static let firstSteps = 5
  /// The largest difference that needs no remark, as a fraction of the prediction.
  package static let tolerance = 0.2

  package let predicted: Parts
  package let measured: Parts

  package init(predicted: StepPrediction, measured: Parts) {
    let (all, updates) = (predicted.computeSeconds, predicted.updateSeconds)
    // Where ranks do not sum gradients, large weights are updated within the backward pass.
    let isFused = predicted.plan.grid.map { $0.data == 1 } ?? false
    self.predicted = Parts(
      step: predicted.seconds, compute: isFused ? all : all - updates, update: isFused ? 0 : updates
    )
    self.measured = Parts(
      step: measured.step, compute: measured.compute + (isFused ? measured.update : 0),
      update: isFused ? 0 : measured.update)
  }

  /// The part that differs most from the prediction; nil if the step takes about as long as predicted.
  package var culprit: String? {
    guard abs(measured.step - predicted.step) > PredictionCheck.tolerance * predicted.step else {
      return nil
    }
    let parts: [(String, KeyPath<Parts, Double>)] = [
      ("forward and backward passes", \.compute), ("updates", \.update),
      ("exchanges that are waited for", \.waiting),
    ]
    return parts.max {
      abs(measured[keyPath: $0.1] - predicted[keyPath: $0.1])
        < abs(measured[keyPath: $1.1] - predicted[keyPath: $1.1])
    }.map {
      "\($0.0), \(PredictionCheck.text(measured[keyPath: $0.1])) ms and not "
        + "\(PredictionCheck.text(predicted[keyPath: $0.1]))"
    }
  }

  /// The measured and the predicted time, and the largest error, in a sentence or two.
  package var words: String {
    let first =
      "A step takes \(PredictionCheck.text(measured.step)) ms; predicted were "
      + "\(PredictionCheck.text(predicted.step)) ms."
    return culprit.map { "\(first) The largest error: \($0)." } ?? first
  }

  private static func text(_ seconds: Double) -> String {
    "\((seconds * 100_000).rounded() / 100)"
  }
}
