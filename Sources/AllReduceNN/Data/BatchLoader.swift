/// Makes a rank's batches, step by step.
///
/// Any step may be asked for at any time. With `prefetches` a thread of its own makes the batch that
/// follows while the network trains on the present one; it pays where examples are costly to make
/// (`SyntheticImages`) and a core is spare. Without it nothing is done ahead.
public final class BatchLoader<Scalar: NetworkScalar> {
  /// Where examples come from.
  package let data: any Dataset
  /// The assignment of examples to batches.
  package let sampler: EpochSampler
  private let rank: Int
  private let ranks: Int
  private var present = BatchSlot<Scalar>()
  private let worker: BackgroundWorker?
  private var ahead = Ahead()

  /// The batch that the worker makes; read only while the worker waits.
  private final class Ahead: @unchecked Sendable {
    let slot: BatchSlot<Scalar>
    var place: (epoch: Int, step: Int)?
    var batch: Batch<Scalar>?

    init(_ slot: BatchSlot<Scalar> = BatchSlot()) { self.slot = slot }
  }

  /// Prepares to make a rank's batches.
  ///
  /// - Parameters:
  ///   - data: The data set.
  ///   - sampler: The assignment of examples to batches.
  ///   - rank: The rank whose part is made, from 0.
  ///   - ranks: The number of ranks that the global batch is divided over.
  ///   - prefetches: Whether a thread makes the next batch ahead.
  public init(
    _ data: any Dataset, _ sampler: EpochSampler, rank: Int = 0, of ranks: Int = 1,
    prefetches: Bool = false
  ) {
    precondition(
      sampler.count == data.count,
      "the sampler is for \(sampler.count) examples, the data has \(data.count)")
    precondition(rank >= 0 && rank < ranks, "rank \(rank) is not one of \(ranks)")
    self.data = data
    self.sampler = sampler
    self.rank = rank
    self.ranks = ranks
    worker = prefetches ? BackgroundWorker() : nil
  }

  /// The rank's part of a step's batch; its memory is used again by the next call.
  ///
  /// - Parameters:
  ///   - epoch: From 0.
  ///   - step: Within its epoch, from 0.
  /// - Returns: The part, which is empty where there are more ranks than examples.
  public func batch(epoch: Int, step: Int) -> Batch<Scalar> {
    guard let worker else { return make(epoch, step, present) }
    worker.wait()
    let free = present
    let batch: Batch<Scalar>
    if let made = ahead.batch, let place = ahead.place, place == (epoch, step) {
      (batch, present) = (made, ahead.slot)
    } else {
      batch = make(epoch, step, ahead.slot)
      present = ahead.slot
    }
    let next = Ahead(free)
    ahead = next
    let place = step + 1 < sampler.stepsPerEpoch ? (epoch, step + 1) : (epoch + 1, 0)
    worker.start { [data, sampler, rank, ranks] in
      next.place = place
      next.batch = next.slot.make(
        data, sampler.examples(epoch: place.0, step: place.1, rank: rank, of: ranks),
        globalCount: sampler.batchSize(step: place.1))
    }
    return batch
  }

  private func make(_ epoch: Int, _ step: Int, _ slot: BatchSlot<Scalar>) -> Batch<Scalar> {
    slot.make(
      data, sampler.examples(epoch: epoch, step: step, rank: rank, of: ranks),
      globalCount: sampler.batchSize(step: step))
  }
}
