/// Ranks as the power-of-two algorithms see them.
///
/// Where p is not a power of two, the first 2e ranks (e = p - 2^⌊log₂ p⌋) form pairs; the odd one of
/// a pair is passive: it hands its vector to the even one before and gets the result after. The
/// active ranks are numbered 0..<2^⌊log₂ p⌋, in rank order.
struct FoldedRanks {
  /// The number of active ranks, a power of two.
  let active: Int
  /// The number of pairs.
  private let pairs: Int
  private let rank: Int

  init(rank: Int, size: Int) {
    active = 1 << (Int.bitWidth - 1 - size.leadingZeroBitCount)
    pairs = size - active
    self.rank = rank
  }

  /// Whether this rank is passive: it only sends its vector and receives the result.
  var isPassive: Bool { rank < 2 * pairs && rank % 2 == 1 }

  /// The other rank of this rank's pair, if it is in one.
  var partner: Int? { rank < 2 * pairs ? rank ^ 1 : nil }

  /// This rank's number among the active ones; for a passive rank, its partner's.
  var position: Int { rank < 2 * pairs ? rank / 2 : rank - pairs }

  /// The rank with a number among the active ones.
  func rank(of position: Int) -> Int { position < pairs ? 2 * position : position + pairs }
}
