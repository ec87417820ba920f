extension ScheduleVerifier {
  /// Why a set of schedules is wrong.
  package struct Failure: Error, CustomStringConvertible, Equatable {
    package let description: String
  }

  /// One element's content.
  package struct Value: Equatable, Sendable {
    /// Bit r is set if rank r's value is contained.
    package var ranks: UInt64
    /// Grows with the expression; addition is commutative, so the order of two operands is ignored.
    var expression: UInt64
    /// Whether the schedule has declared it complete.
    var isFinished: Bool
    /// Whether narrowing it would change nothing.
    var isRounded = false
    /// The most often that a contribution was rounded.
    var roundings = 0

    /// The value after it was narrowed and widened, which is another expression.
    var rounded: Value {
      if isRounded { return self }
      var result = self
      result.expression = ScheduleVerifier.mix(expression, 0x16)
      result.isRounded = true
      result.roundings += 1
      return result
    }
  }

  /// One message of the picture.
  package struct Transfer: Equatable, Sendable {
    package let source: Int
    package let destination: Int
    package let range: Range<Int>
    /// Whether the receiver combines it with what it has.
    package let isReduced: Bool
    /// The round in which it travels, from 0.
    package let round: Int
  }

  /// The counts.
  package struct Measures: Equatable, Sendable {
    /// Rounds until all is done, if a message takes one round, a rank sends and receives one message
    /// a round (the one that was ready first), and arithmetic takes no time.
    package var steps = 0
    /// The most often that a contribution was narrowed on its way into a result.
    package var roundings = 0
    /// Elements sent, a rank each.
    package var elementsSent: [Int]
    /// Every message, by round.
    package var transfers: [Transfer] = []
    /// What each rank holds at the end of each round: `states[round][rank][place]`.
    package var states: [[[Value]]] = []
  }
}
