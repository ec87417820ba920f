package import AllReduceMPI
package import AllReduceNN

/// From batchSharded to featureSharded: from each rank's examples every other rank gets its own features.
///
/// An all-to-all: a rank sends each other one a block of its examples x the other's features. Its conjugate is
/// ``FeaturesToExamples``.
package final class ExamplesToFeatures<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let exchanged: LayerExchange
  package var record: LayerExchange? { exchanged }
  private let batch: GroupBatch
  private let blocks: FeatureBlocks<Scalar>
  private var result = Scratch<Scalar>()
  private var started: Tensor<Scalar>?

  init(of width: Int, _ batch: GroupBatch, isBackward: Bool) {
    self.batch = batch
    exchanged = LayerExchange(.allToAll, backward: isBackward)
    blocks = FeatureBlocks(width, over: batch.communicator)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    let width = blocks.own.count
    let result = result.tensor([batch.count, width])
    started = result
    if input.rows > 0 {
      blocks.take(
        blocks.own, of: 0..<input.rows, from: input,
        to: result.base + batch.own.lowerBound * width)
    }
    try exchanged.timing(pass) {
      try batch.communicator.exchangeBlocks(
        of: Scalar.self,
        sending: { rank in
          let columns = blocks.partition[rank]
          var block = [Scalar](repeating: 0, count: input.rows * columns.count)
          block.withUnsafeMutableBufferPointer {
            if let base = $0.baseAddress {
              blocks.take(columns, of: 0..<input.rows, from: input, to: base)
            }
          }
          return block
        }, receiving: { batch.counts[$0] * width },
        { rank, block in
          guard !block.isEmpty else { return }
          (result.base + batch.rows(of: rank).lowerBound * width).update(
            from: block, count: block.count)
        })
    }
  }

  package func finish(_ pass: Pass<Scalar>) -> Tensor<Scalar> {
    guard let started = started.take() else { preconditionFailure("no exchange was started") }
    return started
  }
}

/// From featureSharded to batchSharded: each rank gets all features of its own examples.
///
/// An all-to-all: a rank sends each other one a block of the other's examples x its own features.
package final class FeaturesToExamples<Scalar: NetworkScalar & ReducibleScalar>: LayoutExchange {
  private let exchanged: LayerExchange
  package var record: LayerExchange? { exchanged }
  private let batch: GroupBatch
  private let blocks: FeatureBlocks<Scalar>
  private var result = Scratch<Scalar>()
  private var started: Tensor<Scalar>?

  init(of width: Int, _ batch: GroupBatch, isBackward: Bool) {
    self.batch = batch
    exchanged = LayerExchange(.allToAll, backward: isBackward)
    blocks = FeatureBlocks(width, over: batch.communicator)
  }

  package func start(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws {
    let own = batch.own
    let result = result.tensor([own.count, blocks.width])
    started = result
    if !own.isEmpty {
      blocks.put(input.rows(own).base, to: blocks.own, rows: own.count, of: result)
    }
    try exchanged.timing(pass) {
      try batch.communicator.exchangeBlocks(
        of: Scalar.self, sending: { Array(input.rows(batch.rows(of: $0)).values) },
        receiving: { own.count * blocks.partition[$0].count },
        { rank, block in
          block.withUnsafeBufferPointer {
            guard let base = $0.baseAddress else { return }
            blocks.put(base, to: blocks.partition[rank], rows: own.count, of: result)
          }
        })
    }
  }

  package func finish(_ pass: Pass<Scalar>) -> Tensor<Scalar> {
    guard let started = started.take() else { preconditionFailure("no exchange was started") }
    return started
  }
}

extension Communicator {
  /// Sends every other rank a block, and receives one from each: in turn to the next rank, the one after it,
  /// and so on, so that no rank is everyone's first. Collective.
  ///
  /// - Parameters:
  ///   - type: The elements' type.
  ///   - block: What a rank gets.
  ///   - count: How many elements come from a rank.
  ///   - take: Gets what has come.
  /// - Throws: ``MPIError``.
  fileprivate func exchangeBlocks<Scalar: ReducibleScalar>(
    of type: Scalar.Type, sending block: (_ rank: Int) -> [Scalar],
    receiving count: (_ rank: Int) -> Int, _ take: (_ rank: Int, _ block: [Scalar]) -> Void
  ) throws {
    for distance in 1..<max(size, 1) {
      let (to, from) = ((rank + distance) % size, (rank + size - distance) % size)
      let arriving = try startReceive(type, count: count(from), from: from, tag: distance)
      let leaving = try startSend(block(to), to: to, tag: distance)
      take(from, try arriving.wait())
      try leaving.wait()
    }
  }
}
