internal import AllReduceNN

/// What a rank asks for at the end of a step (a checkpoint, or a checkpoint and the end of the run), encoded as a
/// number that is summed over the ranks.
///
/// The number is in the same cache line as a step's totals, which ranks exchange anyway, so it needs no message of its
/// own. Up to 4,095 ranks may have the same wish; the sum is exact in a `Float`.
struct StepWish: Equatable, Sendable {
  /// The encoded wish or, after the exchange, the sum of the ranks' wishes.
  var sum: Int

  /// No wish.
  static let none = StepWish(sum: 0)
  /// The wish to write a checkpoint.
  static let save = StepWish(sum: 1)
  /// The wish to write a checkpoint and end the run.
  static let stop = StepWish(sum: 1 << 12)

  /// The factor of the wishes where they are summed in one `Double` with a step's number of correct answers. It is
  /// larger than that number, so both sums are exact.
  static let unit = 1 << 28

  /// Whether a rank wants a checkpoint.
  var saves: Bool { sum > 0 }
  /// Whether a rank wants the run to end.
  var stops: Bool { sum >= StepWish.stop.sum }

  /// The sum of several ranks' wishes, encoded as the wish of one rank.
  var asOne: StepWish { stops ? .stop : saves ? .save : .none }

  /// Returns the sum of two wishes.
  static func + (a: StepWish, b: StepWish) -> StepWish { StepWish(sum: a.sum + b.sum) }
}

/// The place of a wish in the exchange: the element after a step's totals.
extension StepWish {
  private static var place: Int { BatchScore.totalsCount - 1 }

  /// Writes this rank's wish after the totals, to be summed over the ranks.
  func write<Scalar: BinaryFloatingPoint>(to totals: UnsafeMutableBufferPointer<Scalar>) {
    totals[StepWish.place] = Scalar(sum)
  }

  /// Reads the sum of the ranks' wishes from the element after the totals.
  init<Scalar: BinaryFloatingPoint>(totals: UnsafeMutableBufferPointer<Scalar>) {
    let found = totals[StepWish.place]
    // NaN, or a number that cannot be a sum of wishes, counts as no wish.
    self.init(sum: found >= 0 && found < Scalar(1 << 25) ? Int(found) : 0)
  }
}
