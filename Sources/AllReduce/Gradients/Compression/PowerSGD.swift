package import AllReduceMPI
internal import AllReduceNN

/// Sends two narrow matrices, whose product approximates M, for each matrix M of the gradient; the rest is sent later.
///
/// Each reduction is one step of the power method: P = M * Q is summed over the hosts and made orthonormal, Q = Mᵀ * P
/// is summed, and P * Qᵀ replaces M. Q is the first guess of the next step. M is the gradient plus what the host has
/// kept; the host then keeps M - P * (Mᵀ * P)ᵀ. Biases, and matrices that would not get smaller, are sent whole. For a
/// matrix of m by n numbers, rank * (m + n) numbers are all-reduced instead of m * n. The cost is four products of M
/// with narrow matrices, and error memory of the size of the matrices. A sum of gradients of this rank arrives
/// unchanged.
///
/// Vogels, Karimireddy and Jaggi, "PowerSGD: practical low-rank gradient compression for distributed
/// optimization" (2019).
public struct PowerSGD: PartialCompression {
  /// The number of columns of P and Q.
  package let rank: Int
  /// Whether the part of the gradient that was not sent is added to the next gradient.
  package let errorFeedback: Bool

  /// Creates the compression, which sends two matrices of `rank` columns; ``ranks`` has the valid values.
  package init(rank: Int, errorFeedback: Bool = true) {
    precondition(
      PowerSGD.ranks.contains(rank),
      "PowerSGD: the rank must be \(PowerSGD.ranks.lowerBound) to \(PowerSGD.ranks.upperBound), not \(rank)."
    )
    self.rank = rank
    self.errorFeedback = errorFeedback
  }

  /// The valid values of ``rank``.
  package static var ranks: ClosedRange<Int> { 1...CompressionKernels.mostColumns }

  /// The name with the rank, such as "powerSGD:4".
  public var name: String { "powerSGD:\(rank)" }

  /// Creates the exchange, with memory for the error of all matrices, one copy of P and of all that is sent whole, and
  /// three copies of Q.
  package func makeExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>(
    _ plan: CompressionPlan<Scalar>
  ) throws -> any CompressedExchange<Scalar> { PowerSGDExchange(plan, self) }

  /// Returns the number of columns of a matrix's P and Q; nil if the matrix is sent whole.
  func columns(for matrix: GradientMatrix) -> Int? {
    let narrow = min(rank, matrix.rows, matrix.columns)
    return narrow * (matrix.rows + matrix.columns) < matrix.range.count ? narrow : nil
  }
}

extension GradientCompression where Self == PowerSGD {
  /// Returns a compression that sends two matrices of `rank` columns for each matrix of the gradient, with error
  /// feedback.
  public static func powerSGD(_ rank: Int) -> PowerSGD { PowerSGD(rank: rank) }
}
