internal import AllReduceNN

/// The wishes of ranks at the end of a step, as a number that is added up over them.
///
/// It is in the cache line of a step's totals, which travels anyway: agreeing costs no message. Up to 4,095 ranks
/// may have the same wish; the sum is exact in a `Float`.
struct StepWish: Equatable, Sendable {
  /// The sum of the ranks' wishes.
  var sum: Int

  /// No wish.
  static let none = StepWish(sum: 0)
  /// The state is to be written.
  static let save = StepWish(sum: 1)
  /// The state is to be written, and the run to end.
  static let stop = StepWish(sum: 1 << 12)

  /// The factor of a wish where it shares a `Double` with the right answers of a step: larger than their number, so
  /// that both are exact.
  static let unit = 1 << 28

  /// Whether a rank wants the state to be written.
  var saves: Bool { sum > 0 }
  /// Whether a rank wants the run to end.
  var stops: Bool { sum >= StepWish.stop.sum }

  /// The wish as one rank's, for a rank that knows the sum of several.
  var asOne: StepWish { stops ? .stop : saves ? .save : .none }

  /// The combined wish of both.
  static func + (a: StepWish, b: StepWish) -> StepWish { StepWish(sum: a.sum + b.sum) }
}

/// In the place after a step's totals.
extension StepWish {
  private static var place: Int { BatchScore.totalsCount - 1 }

  /// Writes this rank's wish, to be added up over the ranks.
  func write<Scalar: BinaryFloatingPoint>(to totals: UnsafeMutableBufferPointer<Scalar>) {
    totals[StepWish.place] = Scalar(sum)
  }

  /// Reads the sum.
  init<Scalar: BinaryFloatingPoint>(totals: UnsafeMutableBufferPointer<Scalar>) {
    let found = totals[StepWish.place]
    // More than a sum of wishes is none.
    self.init(sum: found >= 0 && found < Scalar(1 << 25) ? Int(found) : 0)
  }
}
