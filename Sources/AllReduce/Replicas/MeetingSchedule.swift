/// The schedule by which fragments of the weights are exchanged.
///
/// A fragment is due every `turn` steps, in turn, and its exchange starts `overlap` steps before. With two fragments
/// and an overlap of 1:
///
/// ```
///     step    1   2   3   4   5   6   7   8       turn 4
///                     0>--0           1>--1       starts > and is due
/// ```
package struct MeetingSchedule: Equatable {
  /// The steps from when one fragment is due until the next is.
  package let turn: Int
  /// The fragments.
  package let fragments: Int
  /// The steps that an exchange travels under.
  package let overlap: Int

  /// The steps of a round, in which each fragment has its turn.
  package var steps: Int { turn * fragments }

  package init(turn: Int, fragments: Int, overlap: Int) {
    (self.turn, self.fragments, self.overlap) = (turn, fragments, overlap)
  }

  /// The schedule of a meeting; nil where the steps are to be measured first.
  init?(_ meeting: Meeting) {
    guard let turn = meeting.turn else { return nil }
    self.init(turn: turn, fragments: meeting.fragments, overlap: meeting.overlapSteps)
  }

  /// The shortest rounds that leave a share of the time to computing.
  ///
  /// Of a turn's T steps of t seconds, an exchange of x seconds leaves the network waiting for what does not fit under
  /// the overlap: T t / (T t + max(0, x - overlap t)) is the share.
  ///
  /// - Parameters:
  ///   - stepSeconds: The seconds of a step without exchange.
  ///   - exchangeSeconds: The seconds of an exchange of all weights at once.
  ///   - share: The share of the time that is left to computation, above 0 and below 1.
  ///   - fragments: The number of fragments.
  ///   - overlap: The steps that an exchange travels under.
  package init(
    stepSeconds: Double, exchangeSeconds: Double, share: Double = 0.95, fragments: Int, overlap: Int
  ) {
    let exposed = max(0, exchangeSeconds / Double(fragments) / stepSeconds - Double(overlap))
    let turn = (share / (1 - share) * exposed).rounded(.up)
    // A network that hardly moves at all is beyond what steps can be counted for.
    self.init(
      turn: max(1, overlap, turn < 1e9 ? Int(turn) : 1_000_000_000), fragments: fragments,
      overlap: overlap)
  }

  /// The fragment whose exchange starts after a step, counted from 1.
  package func fragment(startingAfter step: Int) -> Int? {
    let due = step + overlap
    return due % turn == 0 ? (due / turn - 1) % fragments : nil
  }
}
