package import AllReduceMPI
internal import AllReduceNN

/// Sends two narrow matrices, whose product is near M, for each matrix M of the gradient; the rest is sent later.
///
/// One step of the power method a reduction: P = M Q is summed over the hosts and made orthonormal, Q = Mᵀ P is
/// summed, and P Qᵀ takes the place of M. Q is the next step's first guess. M is the gradient and what the
/// host has kept; it keeps M - P (Mᵀ P)ᵀ. Biases, and matrices that would not get smaller, travel whole. Of
/// a matrix of m by n numbers, rank (m + n) travel in each all-reduce's place of m n. It costs four products
/// of M with narrow matrices, and as much memory again for the error memory. A sum of gradients of that rank
/// arrives as it is.
///
/// Vogels, Karimireddy and Jaggi, "PowerSGD: practical low-rank gradient compression for distributed
/// optimization" (2019).
public struct PowerSGD: PartialCompression {
  /// The columns of P and Q.
  package let rank: Int
  /// Whether what did not travel is added to the next gradient.
  package let errorFeedback: Bool

  /// Lets two matrices of this many columns travel: see ``ranks``.
  package init(rank: Int, errorFeedback: Bool = true) {
    precondition(
      PowerSGD.ranks.contains(rank),
      "The rank of what travels of a gradient is in \(PowerSGD.ranks), not \(rank).")
    self.rank = rank
    self.errorFeedback = errorFeedback
  }

  /// The ranks that can be.
  package static var ranks: ClosedRange<Int> { 1...CompressionKernels.mostColumns }

  /// "powerSGD:4".
  public var name: String { "powerSGD:\(rank)" }

  /// Takes memory: as much as the matrices, and three times the narrow ones.
  package func makeExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>(
    _ plan: CompressionPlan<Scalar>
  ) throws -> any CompressedExchange<Scalar> { PowerSGDExchange(plan, self) }

  /// The columns of a matrix's narrow ones; nil if it travels whole.
  func columns(for matrix: GradientMatrix) -> Int? {
    let narrow = min(rank, matrix.rows, matrix.columns)
    return narrow * (matrix.rows + matrix.columns) < matrix.range.count ? narrow : nil
  }
}

extension GradientCompression where Self == PowerSGD {
  /// Sends two matrices of this many columns for each matrix of the gradient, with error feedback.
  public static func powerSGD(_ rank: Int) -> PowerSGD { PowerSGD(rank: rank) }
}
