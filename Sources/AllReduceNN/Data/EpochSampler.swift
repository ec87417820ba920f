/// Assigns examples to batches: every example once per epoch, in a different order in each epoch.
///
/// The order is a function of the seed and the epoch, and is computed on demand (`RandomPermutation`), so that no rank
/// needs memory or messages for it. The global batches are the same on any number of ranks. Each rank's part of a
/// global batch is contiguous, and the sizes of the parts differ by at most one example. The last batch of an epoch may
/// be smaller, and a rank's part may be empty.
public struct EpochSampler: Hashable, Sendable {
  /// The number of examples in the data set.
  package let count: Int
  /// The number of examples per step, over all ranks.
  package let globalBatchSize: Int
  /// The seed from which the order of each epoch is computed.
  package let seed: UInt64
  /// Whether examples are shuffled; otherwise they are in the order of their numbers.
  package let shuffles: Bool

  /// Creates a sampler that divides `count` examples into batches.
  ///
  /// - Parameters:
  ///   - count: The number of examples in the data set.
  ///   - globalBatchSize: The number of examples per step, over all ranks.
  ///   - seed: The seed of the orders; different seeds give different orders.
  ///   - shuffles: Whether examples are shuffled.
  /// - Precondition: `count` is at least 0, and `globalBatchSize` at least 1.
  package init(count: Int, globalBatchSize: Int, seed: UInt64 = 0, shuffles: Bool = true) {
    precondition(count >= 0, "the number of examples must be 0 or more, not \(count)")
    precondition(
      globalBatchSize >= 1, "the global batch size must be 1 or more, not \(globalBatchSize)")
    self.count = count
    self.globalBatchSize = globalBatchSize
    self.seed = seed
    self.shuffles = shuffles
  }

  /// Creates a sampler that divides a data set into batches, which must not be larger than the data set.
  ///
  /// - Parameters:
  ///   - data: The data set.
  ///   - globalBatchSize: The number of examples per step, over all ranks.
  ///   - seed: The seed of the orders; different seeds give different orders.
  ///   - shuffles: Whether examples are shuffled.
  /// - Throws: ``DataError`` if a global batch has more examples than the data set.
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

  /// The number of steps in an epoch, in which every example occurs once.
  public var stepsPerEpoch: Int { (count + globalBatchSize - 1) / globalBatchSize }

  /// Returns the number of examples in a step, over all ranks.
  ///
  /// - Parameter step: The step within its epoch, from 0.
  /// - Returns: The global batch size; in the last step of an epoch, the number of examples that are left.
  package func batchSize(step: Int) -> Int {
    precondition(
      step >= 0 && step < stepsPerEpoch, "step \(step) is outside 0..<\(stepsPerEpoch)")
    return min(globalBatchSize, count - step * globalBatchSize)
  }

  /// Returns the examples that a rank processes in a step.
  ///
  /// - Parameters:
  ///   - epoch: The epoch, from 0.
  ///   - step: The step within the epoch, from 0.
  ///   - rank: The rank, from 0.
  ///   - ranks: The number of ranks that the global batch is divided over.
  /// - Returns: The numbers of the examples, in the order of the batch; empty for some ranks if there are more ranks
  ///   than examples.
  package func examples(epoch: Int, step: Int, rank: Int = 0, of ranks: Int = 1) -> [Int] {
    precondition(rank >= 0 && rank < ranks, "rank must be 0 to \(ranks - 1), not \(rank)")
    let size = batchSize(step: step)
    let (each, more) = (size / ranks, size % ranks)
    let start = step * globalBatchSize + rank * each + min(rank, more)
    let places = start..<start + each + (rank < more ? 1 : 0)
    guard shuffles else { return Array(places) }
    // A permutation and its inverse are equally random: here a place in the epoch is mapped to an example.
    let order = RandomPermutation(count: count, seed: seed, stream: UInt64(epoch))
    return places.map { order.place(of: $0) }
  }
}
