/// The schedule by which fragments of the weights are exchanged.
///
/// One fragment is due every `turn` steps, in rotation; its exchange starts `overlap` steps earlier. With two
/// fragments, a turn of 4 steps and an overlap of 1:
///
/// ```
///     step    1   2   3   4   5   6   7   8       turn 4
///                     0>--0           1>--1       starts > and is due
/// ```
package struct MeetingSchedule: Equatable {
  /// The number of steps from when one fragment is due until the next fragment is.
  package let turn: Int
  /// The number of fragments.
  package let fragments: Int
  /// The number of steps that replicas take while an exchange is in flight.
  package let overlap: Int

  /// The number of steps in a round, in which each fragment is exchanged once.
  package var steps: Int { turn * fragments }

  package init(turn: Int, fragments: Int, overlap: Int) {
    (self.turn, self.fragments, self.overlap) = (turn, fragments, overlap)
  }

  /// Creates the schedule that a ``Meeting`` sets; nil if its interval must be measured first.
  init?(_ meeting: Meeting) {
    guard let turn = meeting.turn else { return nil }
    self.init(turn: turn, fragments: meeting.fragments, overlap: meeting.overlapSteps)
  }

  /// Creates the schedule with the shortest rounds that leave the given share of the time to computation.
  ///
  /// A turn has T steps of t seconds. Of a fragment's exchange of x seconds, e = max(0, x - overlap * t) seconds do not
  /// overlap with steps, so the share is T * t / (T * t + e).
  ///
  /// - Parameters:
  ///   - stepSeconds: The seconds of a step without an exchange.
  ///   - exchangeSeconds: The seconds of an exchange of all weights at once.
  ///   - share: The share of the time that is left to computation, above 0 and below 1.
  ///   - fragments: The number of fragments.
  ///   - overlap: The number of steps that replicas take while an exchange is in flight.
  package init(
    stepSeconds: Double, exchangeSeconds: Double, share: Double = 0.95, fragments: Int, overlap: Int
  ) {
    let exposed = max(0, exchangeSeconds / Double(fragments) / stepSeconds - Double(overlap))
    let turn = (share / (1 - share) * exposed).rounded(.up)
    // On an extremely slow network the number of steps would overflow an Int, so it is limited.
    self.init(
      turn: max(1, overlap, turn < 1e9 ? Int(turn) : 1_000_000_000), fragments: fragments,
      overlap: overlap)
  }

  /// Returns the fragment whose exchange starts after a step, counted from 1; nil if none starts then.
  package func fragment(startingAfter step: Int) -> Int? {
    let due = step + overlap
    return due % turn == 0 ? (due / turn - 1) % fragments : nil
  }
}
