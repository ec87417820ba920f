internal import AllReduceMPI
internal import AllReduceNN

/// The columns of a matrix of which each rank has some: those of ``BlockPartition``.
struct ColumnExchange<Scalar: NetworkScalar & ReducibleScalar> {
  let communicator: Communicator
  let partition: BlockPartition
  private let buffer: ExchangeBuffer<Scalar>
  private var whole = Scratch<Scalar>()

  init(width: Int, over communicator: Communicator) throws {
    try communicator.requireShards(of: width, "columns")
    self.communicator = communicator
    partition = BlockPartition(count: width, parts: communicator.size)
    buffer = ExchangeBuffer(over: communicator)
  }

  /// This rank's columns.
  var own: Range<Int> { partition[communicator.rank] }

  /// Copies this rank's columns out of a matrix that has all.
  func take(from matrix: Tensor<Scalar>, to part: Tensor<Scalar>) {
    guard matrix.count > 0 else { return }
    let (width, own) = (partition.total, own)
    for row in 0..<matrix.rows {
      (part.base + row * own.count).update(
        from: matrix.base + row * width + own.lowerBound, count: own.count)
    }
  }

  /// Puts the columns of all ranks side by side. Collective.
  ///
  /// They travel as blocks of equal size, as wide as the widest.
  mutating func gather(
    _ part: Tensor<Scalar>, _ record: LayerExchange, _ pass: Pass<Scalar>
  ) throws -> Tensor<Scalar> {
    let (rows, widest) = (part.rows, partition[0].count)
    let blocks = try buffer.tensor([communicator.size, rows * widest])
    guard rows > 0 else { return whole.tensor([0, partition.total]) }
    (blocks.base + communicator.rank * rows * widest).update(from: part.base, count: part.count)
    if let slice = buffer.slice(blocks.count) {
      let clock = ContinuousClock()
      let from = clock.now
      try record.counting(pass) { try communicator.allGather(slice) }
      if pass.isTraining {
        let seconds = (clock.now - from) / .seconds(1)
        record.add(seconds: seconds, waited: seconds)
      }
    }
    let whole = whole.tensor([rows, partition.total])
    for (owner, columns) in partition.enumerated() {
      let block = blocks.base + owner * rows * widest
      for row in 0..<rows {
        (whole.base + row * partition.total + columns.lowerBound).update(
          from: block + row * columns.count, count: columns.count)
      }
    }
    return whole
  }
}

extension Communicator {
  /// Makes sure that all ranks mean the same number, and that each gets a part of it. Collective.
  ///
  /// - Throws: ``AgreedError`` on every rank, naming both numbers.
  func requireShards(of count: Int, _ what: String) throws {
    try requireEqual(count, "\(what) of a divided layer")
    try agreeing {
      guard count >= size else {
        throw ModelParallelError(
          description:
            "\(count) \(what) cannot be divided over \(size) ranks: each needs 1 or more.")
      }
    }
  }
}
