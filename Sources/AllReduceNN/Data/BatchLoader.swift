/// Makes a rank's batches, step by step.
public final class BatchLoader<Scalar: NetworkScalar> {
  /// Where examples come from.
  public let data: any Dataset
  /// Which examples are in which batch.
  public let sampler: EpochSampler
  private let rank: Int
  private let ranks: Int
  private var slot = BatchSlot<Scalar>()

  /// Prepares to make a rank's batches.
  ///
  /// - Parameters:
  ///   - data: Where examples come from.
  ///   - sampler: Which examples are in which batch.
  ///   - rank: Whose part is made, from 0.
  ///   - ranks: How many share the global batch.
  public init(
    _ data: any Dataset, _ sampler: EpochSampler, rank: Int = 0, of ranks: Int = 1
  ) {
    precondition(
      sampler.count == data.count,
      "the sampler is for \(sampler.count) examples, the data has \(data.count)")
    precondition(rank >= 0 && rank < ranks, "rank \(rank) is not one of \(ranks)")
    self.data = data
    self.sampler = sampler
    self.rank = rank
    self.ranks = ranks
  }

  /// The rank's part of a step's batch; its memory is used again by the next call.
  ///
  /// - Parameters:
  ///   - epoch: From 0.
  ///   - step: Within its epoch, from 0.
  /// - Returns: The part, which is empty where there are more ranks than examples.
  public func batch(epoch: Int, step: Int) -> Batch<Scalar> {
    slot.make(
      data, sampler.examples(epoch: epoch, step: step, rank: rank, of: ranks),
      globalCount: sampler.batchSize(step: step))
  }
}

/// Memory for one batch, kept from step to step.
struct BatchSlot<Scalar: NetworkScalar> {
  private var inputs = Scratch<Scalar>()
  private var numbers = Scratch<Float>()
  private var labels = TensorMemory<Int32>(count: 0)

  /// Fills the memory with examples.
  mutating func make(_ data: any Dataset, _ examples: [Int], globalCount: Int) -> Batch<Scalar> {
    let shape = data.exampleShape.batch(of: examples.count)
    if labels.values.count < examples.count { labels = TensorMemory(count: examples.count) }
    let batch = Batch(
      inputs: inputs.tensor(shape), labels: labels, examples: examples, globalCount: globalCount)
    if let inputs = batch.inputs as? Tensor<Float> {
      data.fill(examples, inputs: inputs, labels: batch.labels)
    } else {
      let inputs = numbers.tensor(shape)
      data.fill(examples, inputs: inputs, labels: batch.labels)
      if let wide = batch.inputs as? Tensor<Double> { BatchSlot.widen(inputs, to: wide) }
    }
    return batch
  }

  private static func widen(_ numbers: Tensor<Float>, to wide: Tensor<Double>) {
    for index in 0..<numbers.count { wide[index] = Double(numbers[index]) }
  }
}
