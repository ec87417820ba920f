public import AllReduceMPI
public import AllReduceNN

/// Forward a scatter of the last dimension, backward a gather: each rank goes on with its own columns.
///
/// All ranks have the same `[batch, width]` and keep the columns of ``BlockPartition``; the gradients of
/// the columns are put side by side again. Nothing travels forward; backward an all-gather. Collective.
public final class ScatterGather<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer {
  /// The columns before.
  public let width: Int
  private var columns: ColumnExchange<Scalar>
  private let record = LayerExchange(.allGather, backward: true)
  private var part = Scratch<Scalar>()

  /// Creates the pair for ranks that divide so many columns.
  ///
  /// - Throws: ``AgreedError`` if ranks disagree about the width, or are more than columns.
  public init(width: Int, over communicator: Communicator) throws {
    self.width = width
    columns = try ColumnExchange(width: width, over: communicator)
  }

  /// "Scatter, gather 512".
  public var summary: String { "Scatter, gather \(width)" }
  /// The gather.
  public var exchanges: [LayerExchange] { [record] }
  /// Yes.
  public var outputMayBeOverwritten: Bool { true }

  /// `[own columns]`.
  ///
  /// - Throws: ``ShapeError`` for another width.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [width] else {
      throw ShapeError("\(summary) takes examples of \(Shape([width])), not of \(input)")
    }
    return [columns.own.count]
  }

  /// This rank's columns.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) -> Tensor<Scalar> {
    let part = part.tensor([input.rows, columns.own.count])
    columns.take(from: input, to: part)
    return part
  }

  /// All ranks' columns side by side.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    needsInputGradient ? try columns.gather(gradient, record, pass) : nil
  }
}

/// Forward a gather of the last dimension, backward a scatter: all ranks go on with all columns.
///
/// Each rank has its columns of `[batch, width]`, those of ``BlockPartition``. All compute the same of the
/// whole, so each takes its columns of the gradient. An all-gather forward; nothing travels backward.
/// Collective.
public final class GatherScatter<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer {
  /// The columns afterwards.
  public let width: Int
  private var columns: ColumnExchange<Scalar>
  private let record = LayerExchange(.allGather)
  private var part = Scratch<Scalar>()

  /// Creates the pair for ranks that divide so many columns.
  ///
  /// - Throws: ``AgreedError`` if ranks disagree about the width, or are more than columns.
  public init(width: Int, over communicator: Communicator) throws {
    self.width = width
    columns = try ColumnExchange(width: width, over: communicator)
  }

  /// "Gather, scatter 512".
  public var summary: String { "Gather, scatter \(width)" }
  /// The gather.
  public var exchanges: [LayerExchange] { [record] }
  /// Yes.
  public var outputMayBeOverwritten: Bool { true }

  /// `[width]`.
  ///
  /// - Throws: ``ShapeError`` for other columns than this rank's.
  public func outputShape(for input: Shape) throws -> Shape {
    guard input == [columns.own.count] else {
      throw ShapeError(
        "\(summary) takes examples of \(Shape([columns.own.count])) on this rank, not of \(input)")
    }
    return [width]
  }

  /// All ranks' columns side by side.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    try columns.gather(input, record, pass)
  }

  /// This rank's columns.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    let part = part.tensor([gradient.rows, columns.own.count])
    columns.take(from: gradient, to: part)
    return part
  }
}
