package import AllReduceMPI
package import AllReduceNN

/// Changes the layout of a batch's activations, or of their gradients, over a model group.
///
/// Start and finish are separate calls, so that computation can overlap with the exchange. The result is valid until
/// the next start. Collective over the group, except for conversions that only take a part of what the rank already
/// has.
package protocol LayoutExchange<Scalar>: AnyObject {
  associatedtype Scalar: NetworkScalar & ReducibleScalar

  /// Whether gradients are written over the activations, which must no longer be needed then.
  var replacesInput: Bool { get }

  /// Waits for earlier exchanges that still use the memory that this one needs.
  func prepare(_ pass: Pass<Scalar>) throws
  /// Returns the memory to which the caller should write the input to avoid a copy; nil if there is no such memory.
  func memory(_ shape: Shape) throws -> Tensor<Scalar>?
  /// Starts the exchange of an input, `[batch, ...]` in the old layout.
  func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws
  /// Completes the exchange that was started, and returns the batch in the new layout.
  func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar>
}

/// Carries out one conversion at one boundary between layers, in an ``Arena``: cuts, exchanges and joins blocks as
/// ``Conversion`` says.
///
/// All blocks are as long as the largest one, because ranks may have different numbers of examples, or none. Once the
/// largest batch has been exchanged, nothing more is allocated.
package final class ConversionExchange<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  /// The record of the exchange's bytes and seconds; nil for a conversion that sends nothing.
  let record: ExchangeRecord?
  private let conversion: Conversion
  private let isBackward: Bool
  private let batch: GroupBatch
  private let buffer: ExchangeBuffer<Scalar>
  /// The range of features of each rank.
  private let columns: BlockPartition
  private var scratch = Scratch<Scalar>()
  private var input: Tensor<Scalar>?

  /// Creates the exchange, with its own memory.
  ///
  /// - Parameters:
  ///   - conversion: The conversion to carry out.
  ///   - shape: The shape of one example, with all features.
  ///   - batch: The examples of the ranks of the group.
  ///   - isBackward: Whether the exchange belongs to the backward pass.
  package init(_ conversion: Conversion, of shape: Shape, _ batch: GroupBatch, isBackward: Bool) {
    self.conversion = conversion
    self.isBackward = isBackward
    self.batch = batch
    record = conversion.exchange.map {
      ExchangeRecord($0.description, isBackward: isBackward, batch.clock)
    }
    buffer = ExchangeBuffer(over: batch.communicator)
    columns = BlockPartition(count: shape.count, parts: batch.communicator.size)
  }

  package var replacesInput: Bool { false }

  package func prepare(_ pass: Pass<Scalar>) {}

  /// Runs the whole exchange: starts it, and completes it at once.
  package func run(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    try start(input, pass)
    return try finish(pass)
  }

  package func memory(_ shape: Shape) throws -> Tensor<Scalar>? {
    guard conversion.from == .partial, conversion.to != .featureSharded else { return nil }
    try buffer.reserve(capacity(shape))
    return buffer.tensor(shape)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    self.input = input
    guard let exchange = conversion.exchange, let record else { return }
    let capacity = capacity(input.shape)
    cut(input, try buffer.reserve(capacity))
    // A sum in the forward pass overlaps with no computation, so `finish` runs it as one blocking all-reduce.
    if isSum, !isBackward { return }
    try buffer.start(exchange.collective, capacity, record, isTraining: pass.isTraining)
  }

  package func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    guard let input = input.take() else { preconditionFailure("no \(conversion.name) was started") }
    guard let record else { return takeOwn(of: input) }
    if isSum, !isBackward {
      try buffer.sum(input.count, record, isTraining: pass.isTraining)
    } else {
      try buffer.finish(record, isTraining: pass.isTraining)
    }
    return try joined(input)
  }

  // MARK: Blocks

  private var rank: Int { batch.communicator.rank }
  private var isAllToAll: Bool { conversion.exchange == .allToAll }
  private var isSum: Bool { conversion.exchange == .allReduce }

  /// Returns the number of elements of a block.
  private func length(_ shape: Shape) -> Int {
    if isSum { return shape.count }
    let width = max(columns.total, 1)
    if isAllToAll { return batch.all.most * columns[0].count }
    return conversion.cut == .features || conversion.join == .features
      ? shape[0] * columns[0].count : batch.all.most * width
  }

  /// Returns the number of elements of all blocks; for an all-to-all, of the sent and the received blocks.
  private func capacity(_ shape: Shape) -> Int {
    isSum
      ? shape.count : length(shape) * batch.communicator.size * (isAllToAll ? 2 : 1)
  }

  /// Copies the blocks of an input to the places in `memory` from which they are sent.
  private func cut(_ input: Tensor<Scalar>, _ memory: UnsafeMutablePointer<Scalar>) {
    guard input.count > 0 else { return }
    let length = length(input.shape)
    switch conversion.cut {
    case .examples:
      batch.all.spread(
        from: input.base, to: memory, width: input.count / input.rows, length: length)
    case .features:
      for (owner, features) in columns.enumerated() {
        take(features, of: input, to: memory + owner * length)
      }
    case nil:
      let own = memory + (isSum ? 0 : rank * length)
      if own != input.base { own.update(from: input.base, count: input.count) }
    }
  }

  /// Returns the received blocks as one tensor.
  private func joined(_ input: Tensor<Scalar>) throws -> Tensor<Scalar> {
    let (length, size) = (length(input.shape), batch.communicator.size)
    let first = isAllToAll ? size * length : 0
    let memory = try buffer.reserve(capacity(input.shape)) + first
    if isAllToAll {
      (memory + rank * length).update(from: memory - first + rank * length, count: length)
    }
    switch conversion.join {
    case .examples:
      let shape =
        isAllToAll
        ? Shape(rows: batch.count, columns: columns[rank].count)
        : input.shape.example.batch(of: batch.count)
      batch.all.compact(memory, width: shape.count / max(batch.count, 1), length: length)
      return buffer.tensor(shape, from: first)
    case .features:
      let rows = isAllToAll ? batch.own.count : input.rows
      let whole = scratch.tensor(Shape(rows: rows, columns: columns.total))
      for (owner, features) in columns.enumerated() {
        put(memory + owner * length, to: features, of: whole)
      }
      return whole
    case nil:
      switch conversion.cut {
      case .examples:
        return buffer.tensor(
          input.shape.example.batch(of: batch.own.count), from: rank * length)
      case .features:
        return buffer.tensor(
          Shape(rows: input.rows, columns: columns[rank].count), from: rank * length)
      case nil: return buffer.tensor(input.shape)
      }
    }
  }

  private func takeOwn(of input: Tensor<Scalar>) -> Tensor<Scalar> {
    if conversion.cut == .examples { return input.rows(batch.own) }
    let own = scratch.tensor(Shape(rows: input.rows, columns: columns[rank].count))
    if own.count > 0 { take(columns[rank], of: input, to: own.base) }
    return own
  }

  /// Copies a range of features of every row to a block, from a matrix that has all features.
  private func take(
    _ features: Range<Int>, of matrix: Tensor<Scalar>, to block: UnsafeMutablePointer<Scalar>
  ) {
    for row in 0..<matrix.rows {
      (block + row * features.count).update(
        from: matrix.base + row * columns.total + features.lowerBound, count: features.count)
    }
  }

  /// Copies a block of features to its place in every row of a matrix that has all features.
  private func put(
    _ block: UnsafePointer<Scalar>, to features: Range<Int>, of matrix: Tensor<Scalar>
  ) {
    guard matrix.count > 0 else { return }
    for row in 0..<matrix.rows {
      (matrix.base + row * columns.total + features.lowerBound).update(
        from: block + row * features.count, count: features.count)
    }
  }
}
