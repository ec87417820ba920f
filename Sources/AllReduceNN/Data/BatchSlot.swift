/// Memory for one batch, kept from step to step; used by one thread at a time.
package final class BatchSlot<Scalar: NetworkScalar>: @unchecked Sendable {
  private var inputs = Scratch<Scalar>()
  private var numbers = Scratch<Float>()
  private var values = Scratch<Scalar>()
  /// Filled in place, unless the batch before still has it.
  private var labels: [Int32] = []

  /// Makes a slot without memory.
  package init() {}

  /// Fills the memory with examples.
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
