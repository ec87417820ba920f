/// Memory for one batch, reused from step to step; used by one thread at a time.
package final class BatchSlot<Scalar: NetworkScalar>: @unchecked Sendable {
  private var inputs = Scratch<Scalar>()
  private var numbers = Scratch<Float>()
  private var values = Scratch<Scalar>()
  /// The labels of the batch. Overwritten in place, unless the previous batch still refers to the same array.
  private var labels: [Int32] = []

  /// Creates a slot that has no memory allocated yet.
  package init() {}

  /// Makes a batch of examples in the memory of this slot.
  package func make(_ data: any Dataset, _ examples: [Int], globalCount: Int) -> Batch<Scalar> {
    let shape = data.exampleShape.batch(of: examples.count)
    let tensor = inputs.tensor(shape)
    labels.removeAll(keepingCapacity: true)
    labels.append(contentsOf: repeatElement(0, count: examples.count))
    if let data = data as? any ArrayedDataset {
      let values = data.valueShape.map { self.values.tensor($0.batch(of: examples.count)) }
      labels.withUnsafeMutableBufferPointer {
        data.fill(examples, inputs: tensor, labels: $0, values: values)
      }
      return Batch(
        inputs: tensor, labels: labels, values: values, examples: examples,
        globalCount: globalCount)
    }
    let filled = tensor as? Tensor<Float> ?? numbers.tensor(shape)
    labels.withUnsafeMutableBufferPointer { data.fill(examples, inputs: filled, labels: $0) }
    if let wide = tensor as? Tensor<Double>, wide.count > 0 {
      wide.base.update(converting: filled.base, count: wide.count)
    }
    return Batch(
      inputs: tensor, labels: labels, values: nil, examples: examples, globalCount: globalCount)
  }
}
