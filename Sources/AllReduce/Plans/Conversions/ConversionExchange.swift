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

/// Carries out one conversion at one boundary between layers.
///
/// All conversions work in the same way: the input is cut into one block per rank, by examples or by features; the
/// blocks are exchanged in an ``Arena``; and the received blocks are joined, by examples or by features:
///
/// | conversion | cut by | collective | joined by |
/// |---|---|---|---|
/// | all-gather | - | all-gather | examples |
/// | all-gather by features | - | all-gather | features |
/// | reduce-scatter by examples | examples | reduce-scatter | - |
/// | reduce-scatter by features | features | reduce-scatter | - |
/// | all-to-all, to features | features | all-to-all | examples |
/// | all-to-all, to examples | examples | all-to-all | features |
/// | all-reduce | - | all-reduce | - |
/// | take own examples | examples | - | - |
/// | take own features | features | - | - |
///
/// All blocks are as long as the largest one, because ranks may have different numbers of examples, or none. Once the
/// largest batch has been exchanged, nothing more is allocated.
package final class ConversionExchange<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  /// The record of the exchange's bytes and seconds; nil for a conversion that sends nothing.
  let record: LayerExchange?
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
    record =
      conversion.collective == nil
      ? nil : LayerExchange(conversion.kind, isBackward: isBackward, batch.clock)
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
    guard conversion == .sum || conversion == .scatterExamples else { return nil }
    try buffer.reserve(capacity(shape))
    return buffer.tensor(shape)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    self.input = input
    guard let collective = conversion.collective, let record else { return }
    let capacity = capacity(input.shape)
    cut(input, try buffer.reserve(capacity))
    // A sum in the forward pass overlaps with no computation, so `finish` runs it as one blocking all-reduce.
    if conversion == .sum, !isBackward { return }
    try buffer.start(collective, capacity, record, isTraining: pass.isTraining)
  }

  package func finish(_ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    guard let input = input.take() else { preconditionFailure("no \(conversion.name) was started") }
    guard let record else { return takeOwn(of: input) }
    if conversion == .sum, !isBackward {
      try buffer.sum(input.count, record, isTraining: pass.isTraining)
    } else {
      try buffer.finish(record, isTraining: pass.isTraining)
    }
    return try joined(input)
  }

  // MARK: Blocks

  private var rank: Int { batch.communicator.rank }
  private var isAllToAll: Bool { conversion.cut != nil && conversion.join != nil }

  /// Returns the number of elements of a block.
  private func length(_ shape: Shape) -> Int {
    if conversion == .sum { return shape.count }
    let width = max(columns.total, 1)
    if isAllToAll { return batch.all.most * columns[0].count }
    return conversion.cut == .features || conversion.join == .features
      ? shape[0] * columns[0].count : batch.all.most * width
  }

  /// Returns the number of elements of all blocks; for an all-to-all, of the sent and the received blocks.
  private func capacity(_ shape: Shape) -> Int {
    conversion == .sum
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
      let own = memory + (conversion == .sum ? 0 : rank * length)
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

extension Conversion {
  /// The dimension along which a batch is cut into blocks, or joined from them.
  fileprivate enum Way { case examples, features }

  /// How the input is cut into a block for each rank; nil if the whole input is exchanged.
  fileprivate var cut: Way? {
    switch self {
    case .scatterExamples, .featuresToExamples, .takeExamples: .examples
    case .scatterFeatures, .examplesToFeatures, .takeFeatures: .features
    case .gatherExamples, .gatherFeatures, .sum: nil
    }
  }

  /// How the ranks' blocks are joined; nil if the result is a single block.
  fileprivate var join: Way? {
    switch self {
    case .gatherExamples, .examplesToFeatures: .examples
    case .gatherFeatures, .featuresToExamples: .features
    case .scatterExamples, .scatterFeatures, .takeExamples, .takeFeatures, .sum: nil
    }
  }

  /// The collective that exchanges the blocks; nil if nothing is sent.
  fileprivate var collective: Collective? {
    switch self {
    case .gatherExamples, .gatherFeatures: .allGather
    case .scatterExamples, .scatterFeatures: .reduceScatter
    case .examplesToFeatures, .featuresToExamples: .allToAll
    case .sum: .allReduce
    case .takeExamples, .takeFeatures: nil
    }
  }

  /// The name of the conversion in reports of exchanges.
  fileprivate var kind: String {
    switch self {
    case .gatherExamples, .gatherFeatures: "all-gather"
    case .scatterExamples, .scatterFeatures: "reduce-scatter"
    default: name
    }
  }
}
