public import AllReduceNN

extension BatchScore {
  /// The mean loss per example; 0 if there are no examples.
  public var meanLoss: Double { examples == 0 ? 0 : loss / Double(examples) }

  /// The fraction of the examples that were classified correctly; 0 if there are no examples.
  public var accuracy: Double { examples == 0 ? 0 : Double(correct) / Double(examples) }

  /// The factor that turns the gradient of the sum of losses into the gradient of the mean loss; 0 if there are no
  /// examples.
  package var gradientScale: Double { examples == 0 ? 0 : 1 / Double(examples) }
}

/// The totals of a step as numbers in front of the gradient, so that they are summed together with it.
extension BatchScore {
  /// The number of totals: the examples, the sum of their losses, the right answers, and a ``StepRequest``.
  static var totalsCount: Int { 4 }

  /// Writes this rank's totals, to be summed over the ranks.
  func write<Scalar: BinaryFloatingPoint>(to totals: UnsafeMutableBufferPointer<Scalar>) {
    // A larger count is not exact as a `Scalar`.
    let most = 1 << (Scalar.significandBitCount + 1)
    precondition(
      examples >= 0 && examples <= most,
      "a batch must have 0 to \(most) examples per rank, not \(examples)")
    totals[0] = Scalar(examples)
    totals[1] = Scalar(loss)
    totals[2] = Scalar(correct)
    totals[3] = 0
  }

  /// Creates the score of all ranks from totals that were summed over the ranks.
  init<Scalar: BinaryFloatingPoint>(totals: UnsafeMutableBufferPointer<Scalar>) {
    self.init(examples: Int(totals[0]), loss: Double(totals[1]), correct: Int(totals[2]))
  }
}
