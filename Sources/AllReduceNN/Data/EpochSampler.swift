/// Assigns examples to batches: every example once an epoch, in a different order in each epoch.
///
/// The order is a function of the seed and the epoch, and is computed where it is asked for
/// (`RandomPermutation`): no rank needs memory for it, nor messages. The global batches are the same on
/// any number of ranks; a rank's part is contiguous in its global batch. Parts differ by one example at
/// most; the last batch of an epoch may be short, and a part empty.
public struct EpochSampler: Hashable, Sendable {
  /// The examples of the data set.
  package let count: Int
  /// The examples of a step, over all ranks.
  package let globalBatchSize: Int
  /// The seed of the orders.
  package let seed: UInt64
  /// Whether examples are shuffled; otherwise they come as they are numbered.
  package let shuffles: Bool

  /// Divides examples into batches.
  ///
  /// - Parameters:
  ///   - count: The examples of the data set.
  ///   - globalBatchSize: The examples of a step, over all ranks.
  ///   - seed: Orders of different seeds are different.
  ///   - shuffles: Whether examples are shuffled.
  /// - Precondition: The count is not negative, the batch not empty.
  package init(count: Int, globalBatchSize: Int, seed: UInt64 = 0, shuffles: Bool = true) {
    precondition(count >= 0, "a data set has 0 or more examples, not \(count)")
    precondition(globalBatchSize >= 1, "a batch has 1 or more examples, not \(globalBatchSize)")
    self.count = count
    self.globalBatchSize = globalBatchSize
    self.seed = seed
    self.shuffles = shuffles
  }

  /// Divides a data set into batches that are not larger than it.
  ///
  /// - Parameters:
  ///   - data: The data set.
  ///   - globalBatchSize: The examples of a step, over all ranks.
  ///   - seed: Orders of different seeds are different.
  ///   - shuffles: Whether examples are shuffled.
  /// - Throws: ``DataError`` if the batch is larger than the data.
  public init(
    _ data: any Dataset, globalBatchSize: Int, seed: UInt64 = 0, shuffles: Bool = true
  ) throws(DataError) {
    guard globalBatchSize <= data.count else {
      throw DataError(
        file: data.name, expected: "as many examples as the global batch has, \(globalBatchSize)",
        found: "\(data.count)", advice: "take a smaller batch, or fewer ranks")
    }
    self.init(
      count: data.count, globalBatchSize: globalBatchSize, seed: seed, shuffles: shuffles)
  }

  /// The steps until every example was there once.
  public var stepsPerEpoch: Int { (count + globalBatchSize - 1) / globalBatchSize }

  /// The examples of a step, over all ranks.
  ///
  /// - Parameter step: Within its epoch, from 0.
  /// - Returns: The global batch size, or less in the last step.
  package func batchSize(step: Int) -> Int {
    precondition(
      step >= 0 && step < stepsPerEpoch, "step \(step) is outside 0..<\(stepsPerEpoch)")
    return min(globalBatchSize, count - step * globalBatchSize)
  }

  /// A rank's examples of a step.
  ///
  /// - Parameters:
  ///   - epoch: From 0.
  ///   - step: Within its epoch, from 0.
  ///   - rank: Whose, from 0.
  ///   - ranks: The number of ranks that the global batch is divided over.
  /// - Returns: The examples' numbers, in the order of the batch; none where there are more ranks
  ///   than examples.
  package func examples(epoch: Int, step: Int, rank: Int = 0, of ranks: Int = 1) -> [Int] {
    precondition(rank >= 0 && rank < ranks, "rank \(rank) is not one of \(ranks)")
    let size = batchSize(step: step)
    let (each, more) = (size / ranks, size % ranks)
    let start = step * globalBatchSize + rank * each + min(rank, more)
    let places = start..<start + each + (rank < more ? 1 : 0)
    guard shuffles else { return Array(places) }
    // Either way round a permutation is a random order: here a place is mapped to its example.
    let order = RandomPermutation(count: count, seed: seed, stream: UInt64(epoch))
    return places.map { order.place(of: $0) }
  }
}
