/// Memory for one batch, kept from step to step; used by one thread at a time.
final class BatchSlot<Scalar: NetworkScalar>: @unchecked Sendable {
  private var inputs = Scratch<Scalar>()
  private var numbers = Scratch<Float>()
  private var labels = TensorMemory<Int32>(count: 0)

  /// Fills the memory with examples.
  func make(_ data: any Dataset, _ examples: [Int], globalCount: Int) -> Batch<Scalar> {
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
