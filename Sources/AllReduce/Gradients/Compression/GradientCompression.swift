public import AllReduceMPI

/// How gradients are compressed where they cross a network.
///
/// Either every number is sent, in full (`none`) or in 16 bits (`bfloat16`, `float16`), or only part of the gradient's
/// information is sent (``TopK``, ``PowerSGD``). In the latter case each host keeps what it did not send and adds it to
/// its next gradient: error feedback, without which such an exchange may not converge (Karimireddy, Rebjock, Stich and
/// Jaggi, 2019).
///
/// All ranks must use the same compression. All get the same result, bit for bit.
public protocol GradientCompression: Sendable {
  /// The name of the compression with its arguments, as in options and output: "topK:0.01".
  var name: String { get }
  /// The format in which numbers are sent between hosts, where every number is sent.
  var wireFormat: WireFormat { get }
}

/// A compression that does not send a number for each element of the gradient.
package protocol PartialCompression: GradientCompression {
  /// Whether the part of the gradient that was not sent is added to the next gradient; otherwise it is lost.
  var errorFeedback: Bool { get }

  /// Creates the exchange of a gradient. Collective over the plan's ranks.
  ///
  /// - Parameter plan: The gradient to exchange, and its ranks.
  /// - Returns: The exchange, with memory for the part of the gradient that this rank has not sent.
  /// - Throws: The errors of creating the exchange.
  func makeExchange<Scalar: ReducibleScalar & BinaryFloatingPoint>(
    _ plan: CompressionPlan<Scalar>
  ) throws -> any CompressedExchange<Scalar>
}

extension GradientCompression {
  /// `full`: the numbers that are sent keep their 32 or 64 bits.
  public var wireFormat: WireFormat { .full }
}

/// Sums a gradient over the ranks of a group; only a part of the gradient is sent.
package protocol CompressedExchange<Scalar>: AnyObject {
  /// The type of the gradient's elements.
  associatedtype Scalar: ReducibleScalar & BinaryFloatingPoint

  /// Starts the exchange of a bucket, which must be complete. Buckets are started in order. Collective in effect.
  ///
  /// - Throws: ``MPIError``.
  func start(bucket: Int) throws

  /// Completes the exchange after all buckets were started: the plan's gradient is then the sum. Collective.
  ///
  /// - Throws: ``MPIError``.
  func finish() throws
}

/// The gradient and the ranks of a compressed exchange.
package struct CompressionPlan<Scalar: ReducibleScalar & BinaryFloatingPoint> {
  /// The memory of the gradient, and of all that precedes it. Before an exchange the gradient is the host's, afterwards
  /// the sum over the hosts.
  package let memory: UnsafeMutableBufferPointer<Scalar>
  /// The ranges of elements that are exchanged, in the order in which they become ready.
  package let buckets: [Range<Int>]
  /// The matrices of the gradient, ascending.
  package let matrices: [GradientMatrix]
  /// The ranks that exchange: one rank per host, or all ranks where each counts as a host.
  package let communicator: Communicator
  /// The algorithm that all-reduces whole vectors over these ranks.
  package let algorithm: ReductionAlgorithm
}

/// The place and size of a matrix in a gradient, row-major.
package struct GradientMatrix: Sendable, Equatable {
  /// The index of the matrix's first element in the gradient.
  package let start: Int
  /// The number of rows.
  package let rows: Int
  /// The number of columns.
  package let columns: Int

  /// Creates the description of a matrix in a gradient.
  ///
  /// - Parameters:
  ///   - start: The index of the matrix's first element in the gradient.
  ///   - rows: The number of rows, 1 or more; for a convolution, the number of filters.
  ///   - columns: The number of columns, 1 or more; for a convolution, the number of weights of a filter.
  package init(start: Int, rows: Int, columns: Int) {
    precondition(
      start >= 0 && rows >= 1 && columns >= 1,
      "A matrix of a gradient cannot begin at \(start) with \(rows) rows of \(columns).")
    self.start = start
    self.rows = rows
    self.columns = columns
  }

  /// The range of the matrix's elements in the gradient.
  package var range: Range<Int> { start..<start + rows * columns }
}
