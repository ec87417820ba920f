internal import AllReduceNN

/// What a rank asks for at the end of a step (a checkpoint, or a checkpoint and the end of the run), encoded as a
/// number that is summed over the ranks.
///
/// The number is in the same cache line as a step's totals, which ranks exchange anyway, so it needs no message of its
/// own. Up to 4,095 ranks may have the same request; the sum is exact in a `Float`.
package struct StepRequest: Equatable, Sendable {
  /// The encoded request or, after the exchange, the sum of the ranks' requests.
  var sum: Int

  /// No request.
  package static let none = StepRequest(sum: 0)
  /// The request to write a checkpoint.
  package static let save = StepRequest(sum: 1)
  /// The request to write a checkpoint and end the run.
  package static let stop = StepRequest(sum: 1 << 12)

  /// The factor of the requests where they are summed in one `Double` with a step's number of correct answers. It is
  /// larger than that number, so both sums are exact.
  static let unit = 1 << 28

  /// Whether a rank wants a checkpoint.
  var saves: Bool { sum > 0 }
  /// Whether a rank wants the run to end.
  var stops: Bool { sum >= StepRequest.stop.sum }

  /// The sum of several ranks' requests, encoded as the request of one rank.
  var asOne: StepRequest { stops ? .stop : saves ? .save : .none }

  /// Returns the sum of two requests.
  static func + (a: StepRequest, b: StepRequest) -> StepRequest { StepRequest(sum: a.sum + b.sum) }
}

/// The place of a request in the exchange: the element after a step's totals.
extension StepRequest {
  private static var place: Int { BatchScore.totalsCount - 1 }

  /// Writes this rank's request after the totals, to be summed over the ranks.
  func write<Scalar: BinaryFloatingPoint>(to totals: UnsafeMutableBufferPointer<Scalar>) {
    totals[StepRequest.place] = Scalar(sum)
  }

  /// Reads the sum of the ranks' requests from the element after the totals.
  init<Scalar: BinaryFloatingPoint>(totals: UnsafeMutableBufferPointer<Scalar>) {
    let found = totals[StepRequest.place]
    // NaN, or a number that cannot be a sum of requests, counts as no request.
    self.init(sum: found >= 0 && found < Scalar(1 << 25) ? Int(found) : 0)
  }
}
