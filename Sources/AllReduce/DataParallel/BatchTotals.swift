/// What a step's batch comes to over all ranks: it travels with the gradients.
public struct BatchTotals: Sendable, Equatable {
  /// Examples of all ranks.
  public var examples: Int
  /// The sum of their losses.
  public var lossSum: Double
  /// How many of them were answered rightly.
  public var correct: Int

  /// Creates totals.
  public init(examples: Int, lossSum: Double = 0, correct: Int = 0) {
    self.examples = examples
    self.lossSum = lossSum
    self.correct = correct
  }

  /// The loss of an example, on average; 0 without examples.
  public var meanLoss: Double { examples == 0 ? 0 : lossSum / Double(examples) }

  /// What the sum of all ranks' gradients is multiplied by to be the mean over all examples; 0
  /// without examples.
  public var gradientScale: Double { examples == 0 ? 0 : 1 / Double(examples) }

  /// Adds another part of the same batch.
  public static func += (left: inout BatchTotals, right: BatchTotals) {
    left.examples += right.examples
    left.lossSum += right.lossSum
    left.correct += right.correct
  }
}
