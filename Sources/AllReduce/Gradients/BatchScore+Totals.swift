public import AllReduceNN

extension BatchScore {
  /// The mean loss of an example; 0 without examples.
  public var meanLoss: Double { examples == 0 ? 0 : loss / Double(examples) }

  /// The fraction of the examples that were classified correctly; 0 without examples.
  public var accuracy: Double { examples == 0 ? 0 : Double(correct) / Double(examples) }

  /// The factor by which the gradient of the sum of losses becomes that of their mean; 0 without
  /// examples.
  package var gradientScale: Double { examples == 0 ? 0 : 1 / Double(examples) }
}

/// A step's totals as numbers in front of the gradient, which travel with it.
extension BatchScore {
  /// The number of totals: examples, the sum of losses, right answers; then a ``StepWish``.
  static var totalsCount: Int { 4 }

  /// Writes this rank's, to be added up over the ranks.
  func write<Scalar: BinaryFloatingPoint>(to totals: UnsafeMutableBufferPointer<Scalar>) {
    // Beyond this a count is no longer exact.
    let most = 1 << (Scalar.significandBitCount + 1)
    precondition(
      examples >= 0 && examples <= most,
      "a batch has 0 to \(most) examples a rank, not \(examples)")
    totals[0] = Scalar(examples)
    totals[1] = Scalar(loss)
    totals[2] = Scalar(correct)
    totals[3] = 0
  }

  /// Reads what was added up.
  init<Scalar: BinaryFloatingPoint>(totals: UnsafeMutableBufferPointer<Scalar>) {
    self.init(examples: Int(totals[0]), loss: Double(totals[1]), correct: Int(totals[2]))
  }
}
