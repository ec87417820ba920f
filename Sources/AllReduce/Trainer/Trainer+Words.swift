internal import AllReduceNN

/// Descriptions of a trainer that ranks compare and states keep.
extension Trainer {
  /// A description of the update rule and its settings, different for different methods: a state says by which
  /// method it came about.
  var method: String { method(of: rule) }

  /// Same as ``method``, with another rule.
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

  /// The layers, and their children.
  static func outline(of layer: any Layer<Scalar>) -> String {
    let children = layer.children.map { "\($0.name) \(outline(of: $0.layer))" }
    return children.isEmpty
      ? layer.summary : "\(type(of: layer)) (\(children.joined(separator: "; ")))"
  }
}
