package import AllReduceMPI

/// Sends only the numbers of greatest magnitude of each bucket, with their places; the rest is sent later.
///
/// Each host adds what it has kept to its gradient, takes the largest numbers out of the sum, all-gathers
/// them with those of the other hosts, and adds them up in the hosts' order. Sent by each of h hosts:
/// 2 (h - 1) fraction N numbers, where a ring sends 2 (h - 1)/h N. So it pays at small fractions and few
/// hosts. It costs a few passes over the gradient, and as much memory again for the error memory. Nothing is
/// lost, but much is late: a number waits about 1/fraction steps, and momentum and learning rate must bear that.
///
/// Stich, Cordonnier and Jaggi, "Sparsified SGD with memory" (2018); Lin et al., "Deep gradient
/// compression" (2018).
public struct TopK: PartialCompression {
  /// The part of a bucket's numbers that travels.
  package let fraction: Double
  /// Whether what did not travel is added to the next gradient.
  package let errorFeedback: Bool

  /// Lets a part of the numbers travel: above 0, at most 1; of each bucket at least one.
  package init(fraction: Double, errorFeedback: Bool = true) {
    precondition(
      TopK.fractions(fraction),
      "The fraction of a gradient that travels is above 0 and at most 1, not \(fraction).")
    self.fraction = fraction
    self.errorFeedback = errorFeedback
  }

  /// Whether that can be a fraction.
  package static func fractions(_ fraction: Double) -> Bool { fraction > 0 && fraction <= 1 }

  /// "topK:0.01".
  public var name: String { "topK:\(fraction)" }

  /// Takes memory: as much as the gradient, twice the largest bucket's numbers, and what travels.
  package func makeExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>(
    _ plan: CompressionPlan<Scalar>
  ) throws -> any CompressedExchange<Scalar> { TopKExchange(plan, self) }

  /// How many of a bucket's numbers travel.
  func count(of bucket: Int) -> Int {
    min(bucket, max(1, Int((fraction * Double(bucket)).rounded())))
  }
}

extension GradientCompression where Self == TopK {
  /// Sends this fraction of the numbers, the largest of each bucket, with error feedback.
  public static func topK(_ fraction: Double) -> TopK { TopK(fraction: fraction) }
}
