internal import AllReduceNN

/// What a trainer is, in words that ranks compare and states keep.
extension Trainer {
  /// The rule of the update and what else shapes it, in words that tell methods apart: a state says by which
  /// method it came about.
  var method: String { method(of: rule) }

  /// As ``method``, with another rule.
  func method(of rule: any UpdateRule) -> String { Trainer.method(rule, loss, clipping) }

  static func method(
    _ rule: any UpdateRule, _ loss: any Loss<Scalar>, _ clipping: GradientClipping?
  ) -> String {
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

  /// The layers, and those that they are made of.
  static func outline(of layer: any Layer<Scalar>) -> String {
    let children = layer.children.map { "\($0.name) \(outline(of: $0.layer))" }
    return children.isEmpty
      ? layer.summary : "\(type(of: layer)) (\(children.joined(separator: "; ")))"
  }
}
