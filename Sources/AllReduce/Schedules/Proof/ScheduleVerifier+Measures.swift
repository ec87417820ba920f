extension ScheduleVerifier {
  /// Why a set of schedules is wrong.
  package struct Failure: Error, CustomStringConvertible, Equatable {
    package let description: String
  }

  /// The content of one element, as a symbol.
  package struct Value: Equatable, Sendable {
    /// The ranks whose contributions the value contains, as bits: bit r is set for rank r.
    package var ranks: UInt64
    /// A hash of the expression that made the value. The order of two operands does not count, since addition is
    /// commutative.
    var expression: UInt64
    /// Whether the schedule has declared the value complete.
    var isFinished: Bool
    /// Whether narrowing the value to the wire format would leave it unchanged.
    var isRounded = false
    /// The largest number of roundings of any contribution in the value.
    var roundings = 0

    /// The value after narrowing and widening; unless it was rounded already, it has a different expression.
    var rounded: Value {
      if isRounded { return self }
      var result = self
      result.expression = ScheduleVerifier.mix(expression, 0x16)
      result.isRounded = true
      result.roundings += 1
      return result
    }
  }

  /// One message, for the picture of the schedules.
  package struct Transfer: Equatable, Sendable {
    package let source: Int
    package let destination: Int
    package let range: Range<Int>
    /// Whether the receiver combines the message with its own values.
    package let isReduced: Bool
    /// The round in which the message is sent, from 0.
    package let round: Int
  }

  /// What the verifier counts and records.
  package struct Measures: Equatable, Sendable {
    /// The number of rounds until all is done, if a message takes one round, a rank sends one message and receives one
    /// message per round (the one that was ready first), and arithmetic takes no time.
    package var steps = 0
    /// The largest number of times that any contribution was narrowed on its way into a result.
    package var roundings = 0
    /// The number of elements that each rank sends.
    package var elementsSent: [Int]
    /// Every message, with its round.
    package var transfers: [Transfer] = []
    /// The values of the recorded elements on each rank at the end of each round: `states[round][rank][place]`.
    package var states: [[[Value]]] = []
  }
}
