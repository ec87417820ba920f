/// The ranks as the power-of-two algorithms number them.
///
/// Where p is not a power of two, the first 2e ranks (e = p - 2^⌊log₂ p⌋) form pairs of neighbours. The odd rank of a
/// pair is passive: it sends its vector to the even rank before the algorithm runs, and receives the result afterwards.
/// The other ranks are active, and are numbered 0..<2^⌊log₂ p⌋ in rank order.
struct FoldedRanks {
  /// The number of active ranks: a power of two.
  let active: Int
  /// The number of pairs of an active and a passive rank.
  private let pairs: Int
  private let rank: Int

  init(rank: Int, size: Int) {
    active = 1 << (Int.bitWidth - 1 - size.leadingZeroBitCount)
    pairs = size - active
    self.rank = rank
  }

  /// Whether this rank is passive: it only sends its vector and receives the result.
  var isPassive: Bool { rank < 2 * pairs && rank % 2 == 1 }

  /// The other rank of this rank's pair; nil if this rank is not in a pair.
  var partner: Int? { rank < 2 * pairs ? rank ^ 1 : nil }

  /// This rank's number among the active ranks; for a passive rank, the number of its partner.
  var position: Int { rank < 2 * pairs ? rank / 2 : rank - pairs }

  /// Returns the rank whose number among the active ranks is `position`.
  func rank(of position: Int) -> Int { position < pairs ? 2 * position : position + pairs }
}
