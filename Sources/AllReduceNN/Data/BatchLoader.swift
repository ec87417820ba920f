/// Makes the batches of one rank, one per step.
///
/// Steps may be requested in any order. With `prefetches`, a background thread makes the batch of the next step while
/// the network trains on the current one. This pays off where examples are costly to make (`SyntheticImages`) and a
/// core is free. Without `prefetches`, each batch is made when it is requested.
public final class BatchLoader<Scalar: NetworkScalar> {
  /// The data set that the examples come from.
  package let data: any Dataset
  /// The assignment of examples to batches.
  package let sampler: EpochSampler
  private let rank: Int
  private let ranks: Int
  private var present = BatchSlot<Scalar>()
  private let worker: BackgroundWorker?
  private var ahead = Ahead()

  /// The batch that the background thread makes; accessed by the owner only while that thread is idle.
  private final class Ahead: @unchecked Sendable {
    let slot: BatchSlot<Scalar>
    var place: (epoch: Int, step: Int)?
    var batch: Batch<Scalar>?

    init(_ slot: BatchSlot<Scalar> = BatchSlot()) { self.slot = slot }
  }

  /// Creates a loader for the batches of one rank.
  ///
  /// - Parameters:
  ///   - data: The data set.
  ///   - sampler: The assignment of examples to batches.
  ///   - rank: The rank whose part of each batch is made, from 0.
  ///   - ranks: The number of ranks that the global batch is divided over.
  ///   - prefetches: Whether a background thread makes the next batch ahead of time.
  public init(
    _ data: any Dataset, _ sampler: EpochSampler, rank: Int = 0, of ranks: Int = 1,
    prefetches: Bool = false
  ) {
    precondition(
      sampler.count == data.count,
      "the sampler is for \(sampler.count) examples, the data has \(data.count)")
    precondition(rank >= 0 && rank < ranks, "rank must be 0 to \(ranks - 1), not \(rank)")
    self.data = data
    self.sampler = sampler
    self.rank = rank
    self.ranks = ranks
    worker = prefetches ? BackgroundWorker() : nil
  }

  /// Returns the rank's part of the batch of a step. The next call reuses the memory of the returned batch.
  ///
  /// - Parameters:
  ///   - epoch: The epoch, from 0.
  ///   - step: The step within the epoch, from 0.
  /// - Returns: The rank's part, which is empty for some ranks if there are more ranks than examples in the batch.
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
