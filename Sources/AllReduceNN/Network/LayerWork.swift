/// The amount of work that a layer does for one example, from which its time can be predicted.
package struct LayerWork: Equatable, Sendable {
  /// The number of multiplications and additions in the forward pass. In the backward pass, each of the two gradients
  /// (of the weights and of the input) takes the same number.
  package var operations = 0.0
  /// The number of elements that the forward pass reads and writes in memory, without the weights.
  package var forwardElements = 0.0
  /// The number of elements that the backward pass reads and writes in memory, without the weights.
  package var backwardElements = 0.0
  /// The number of elements that the layer keeps from one forward pass to the next: its output, if that is memory of
  /// its own, the gradient of its input, and other results for the backward pass.
  package var keptElements = 0.0

  /// Creates the work of a layer that does nothing.
  package init() {}

  /// Creates the work of an in-place layer that passes over this many elements once in each direction.
  package init(elements: Int) {
    forwardElements = 2 * Double(elements)
    backwardElements = 3 * Double(elements)
  }
}

/// A layer that reports its own ``LayerWork``.
package protocol MeasurableLayer<Scalar>: Layer {
  /// Returns the work for one example with this input shape, which must fit the layer.
  func work(for input: Shape) throws -> LayerWork
}

extension Layer {
  /// Returns the work for one example. If the layer does not report its work, this is that of one pass over its input
  /// and output.
  package func work(for input: Shape) throws -> LayerWork {
    if let layer = self as? any MeasurableLayer<Scalar> { return try layer.work(for: input) }
    if !children.isEmpty { return try workOfChildren(for: input) }
    let output = try outputShape(for: input)
    var work = LayerWork(elements: max(input.count, output.count))
    // Assume that the layer has its own memory for results, unless it works in place.
    if parameters.isEmpty, output == input { return work }
    if self is Flatten<Scalar> { return LayerWork() }
    work.keptElements = Double(input.count + output.count)
    return work
  }

  /// Returns the work of a layer with children: the sum of its children's work, over those children that accept the
  /// output shape of the one before.
  private func workOfChildren(for input: Shape) throws -> LayerWork {
    var (total, shape) = (LayerWork(), input)
    for (_, child) in children {
      guard let output = try? child.outputShape(for: shape) else { continue }
      let work = try child.work(for: shape)
      total.operations += work.operations
      total.forwardElements += work.forwardElements
      total.backwardElements += work.backwardElements
      total.keptElements += work.keptElements
      shape = output
    }
    return total
  }
}

extension Dense: MeasurableLayer {
  package func work(for input: Shape) -> LayerWork {
    var work = LayerWork()
    work.operations = 2 * Double(inputs) * Double(outputs)
    work.forwardElements = Double(inputs + outputs)
    work.backwardElements = 2 * Double(inputs + outputs)
    work.keptElements = work.forwardElements
    return work
  }
}

extension Conv2D: MeasurableLayer {
  package func work(for input: Shape) throws -> LayerWork {
    let output = try outputShape(for: input)
    var work = LayerWork()
    work.operations = 2 * Double(kernel.count * inputChannels) * Double(output.count)
    work.forwardElements = Double(input.count + output.count)
    work.backwardElements = 2 * work.forwardElements
    work.keptElements = work.forwardElements
    return work
  }
}

extension MaxPool2D: MeasurableLayer {
  package func work(for input: Shape) throws -> LayerWork {
    try LayerWork(pooling: input, to: outputShape(for: input), window: kernel.count, notes: 0.5)
  }
}

extension AveragePool2D: MeasurableLayer {
  package func work(for input: Shape) throws -> LayerWork {
    try LayerWork(pooling: input, to: outputShape(for: input), window: kernel.count, notes: 0)
  }
}

extension LayerWork {
  /// Creates the work of a pooling layer: the forward pass reads every window, and the backward pass writes every
  /// input.
  fileprivate init(pooling input: Shape, to output: Shape, window: Int, notes: Double) {
    forwardElements = Double(output.count * (window + 1))
    backwardElements = Double(2 * input.count + output.count)
    keptElements = Double(input.count) + Double(output.count) * (1 + notes)
  }
}
