internal import AllReduceNN

/// Descriptions of a trainer that ranks compare and checkpoints contain.
extension Trainer {
  /// A description of the update rule, the clipping and the loss, with their settings. It differs for different
  /// methods, and is stored in checkpoints.
  var method: String { method(of: rule) }

  /// Returns the same description as ``method``, with another update rule.
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

  /// Returns a description of a layer and, recursively, of its children.
  static func outline(of layer: any Layer<Scalar>) -> String {
    let children = layer.children.map { "\($0.name) \(outline(of: $0.layer))" }
    return children.isEmpty
      ? layer.summary : "\(type(of: layer)) (\(children.joined(separator: "; ")))"
  }
}
