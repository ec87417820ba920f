package import AllReduceMPI

/// Sends only the numbers of greatest magnitude of each bucket, with their indices; the rest is sent later.
///
/// Each host adds what it has kept to its gradient, takes the largest numbers out of the sum, all-gathers the hosts'
/// numbers, and adds them up in the hosts' order. Of N numbers, each of h hosts sends 2 * (h - 1) * fraction * N, where
/// a ring sends 2 * (h - 1) / h * N. So top-k pays at small fractions and on few hosts. It costs a few passes over the
/// gradient, and error memory of the size of the gradient. Nothing is lost, but numbers are delayed by about 1 /
/// fraction steps, which momentum and learning rate must tolerate.
///
/// Stich, Cordonnier and Jaggi, "Sparsified SGD with memory" (2018); Lin et al., "Deep gradient
/// compression" (2018).
public struct TopK: PartialCompression {
  /// The fraction of a bucket's numbers that is sent.
  package let fraction: Double
  /// Whether the numbers that were not sent are added to the next gradient.
  package let errorFeedback: Bool

  /// Creates the compression, which sends a fraction of the numbers, above 0 and at most 1; of each bucket at least
  /// one.
  package init(fraction: Double, errorFeedback: Bool = true) {
    precondition(
      TopK.fractions(fraction),
      "TopK: the fraction to send must be above 0 and at most 1, not \(fraction).")
    self.fraction = fraction
    self.errorFeedback = errorFeedback
  }

  /// Whether a value is a valid fraction: above 0 and at most 1.
  package static func fractions(_ fraction: Double) -> Bool { fraction > 0 && fraction <= 1 }

  /// The name with the fraction, such as "topK:0.01".
  public var name: String { "topK:\(fraction)" }

  /// Creates the exchange, with memory for the error of the whole gradient, 4 bytes per number of the largest bucket,
  /// and the numbers and indices that are exchanged.
  package func makeExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>(
    _ plan: CompressionPlan<Scalar>
  ) throws -> any CompressedExchange<Scalar> { TopKExchange(plan, self) }

  /// Returns how many of the numbers of a bucket are sent.
  func count(of bucket: Int) -> Int {
    min(bucket, max(1, Int((fraction * Double(bucket)).rounded())))
  }
}

extension GradientCompression where Self == TopK {
  /// Returns a compression that sends this fraction of the numbers, the largest of each bucket, with error feedback.
  public static func topK(_ fraction: Double) -> TopK { TopK(fraction: fraction) }
}
