public import AllReduceMPI

/// How gradients are compressed where they cross a network.
///
/// Either every number travels in fewer bits (`none`, `bfloat16`, `float16`), or only part of the gradient's
/// information travels (``TopK``, ``PowerSGD``) and each host keeps what it did not send and adds it to its next
/// gradient: error feedback, without which such an exchange may not converge (Karimireddy, Rebjock, Stich and Jaggi,
/// 2019).
///
/// All ranks must name the same compression. All end with the same bits.
public protocol GradientCompression: Sendable {
  /// Its name with its arguments, as in options and output: "topK:0.01".
  var name: String { get }
  /// The format of numbers between hosts, where every number travels.
  var wireFormat: WireFormat { get }
}

/// A compression that does not send a number for each element of the gradient.
package protocol PartialCompression: GradientCompression {
  /// Whether what did not travel is added to the next gradient. Without it, it is lost.
  var errorFeedback: Bool { get }

  /// Makes what exchanges gradients. Collective over the plan's ranks.
  ///
  /// - Parameter plan: The gradient to exchange, and its ranks.
  /// - Returns: The exchange, with memory for what the rank keeps.
  /// - Throws: The errors of making it.
  func makeExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>(
    _ plan: CompressionPlan<Scalar>
  ) throws -> any CompressedExchange<Scalar>
}

extension GradientCompression {
  /// `full`: the numbers that travel keep their 32 or 64 bits.
  public var wireFormat: WireFormat { .full }
}

/// Sums a gradient over the ranks of a group; only a part of the gradient is sent.
package protocol CompressedExchange<Scalar>: AnyObject {
  /// The gradient's numbers.
  associatedtype Scalar: ReducibleScalar & BinaryFloatingPoint

  /// Begins with a bucket that is complete; buckets come in order. Collective in effect.
  ///
  /// - Throws: ``MPIError``.
  func start(bucket: Int) throws

  /// Ends the exchange after all buckets were started: the plan's gradient is the sum. Collective.
  ///
  /// - Throws: ``MPIError``.
  func finish() throws
}

/// The gradient and the ranks of a compressed exchange.
package struct CompressionPlan<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  /// The gradient, with whatever is in front; before an exchange the host's, afterwards the sum.
  package let memory: UnsafeMutableBufferPointer<Scalar>
  /// The elements that are exchanged, in the order in which they get ready.
  package let buckets: [Range<Int>]
  /// The matrices among them, ascending.
  package let matrices: [GradientMatrix]
  /// The ranks that exchange: one rank a host, or all ranks where each counts as a host.
  package let communicator: Communicator
  /// How whole vectors are to travel among them.
  package let algorithm: ReductionAlgorithm
}

/// Where in a gradient a matrix lies, row after row.
package struct GradientMatrix: Sendable, Equatable {
  /// The place of its first number.
  package let start: Int
  /// Its rows.
  package let rows: Int
  /// Its columns.
  package let columns: Int

  /// Names a matrix.
  ///
  /// - Parameters:
  ///   - start: The place of its first number.
  ///   - rows: 1 or more; a convolution's filters.
  ///   - columns: 1 or more; of a convolution, the weights of a filter.
  package init(start: Int, rows: Int, columns: Int) {
    precondition(
      start >= 0 && rows >= 1 && columns >= 1,
      "A matrix of a gradient cannot begin at \(start) with \(rows) rows of \(columns).")
    self.start = start
    self.rows = rows
    self.columns = columns
  }

  /// Its elements.
  package var range: Range<Int> { start..<start + rows * columns }
}
