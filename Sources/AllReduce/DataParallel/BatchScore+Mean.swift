public import AllReduceNN

extension BatchScore {
  /// The loss of an example, on average; 0 without examples.
  public var meanLoss: Double { examples == 0 ? 0 : loss / Double(examples) }

  /// The part of the examples that were classified right; 0 without examples.
  public var accuracy: Double { examples == 0 ? 0 : Double(correct) / Double(examples) }

  /// What the gradient of the sum of losses is multiplied by to be that of their mean; 0 without
  /// examples.
  public var gradientScale: Double { examples == 0 ? 0 : 1 / Double(examples) }
}
