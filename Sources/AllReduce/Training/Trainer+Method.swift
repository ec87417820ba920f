internal import AllReduceNN

extension Trainer {
  /// The rule of the update and what else shapes it, in words that tell methods apart: a state says by which
  /// method it came about.
  var method: String {
    var words = rule.description
    if rule.weightDecay != 0 { words += ", weight decay \(rule.weightDecay)" }
    if let clipping { words += ", clip \(clipping.maximumNorm)" }
    switch loss {
    case let loss as SoftmaxCrossEntropy<Scalar>:
      if loss.labelSmoothing != 0 { words += ", label smoothing \(loss.labelSmoothing)" }
    default: words += ", loss \(type(of: loss))"
    }
    return words
  }
}
