/// The work of a layer for one example, from which its time can be predicted.
package struct LayerWork: Equatable, Sendable {
  /// Multiplications and additions of the forward pass; backward, each of the two gradients takes the same number.
  package var operations = 0.0
  /// Numbers read and written in memory by the forward pass, weights left out.
  package var forwardElements = 0.0
  /// The same for the backward pass.
  package var backwardElements = 0.0
  /// Numbers that the layer keeps from the forward pass to the next one: its output, if that is memory of its own, the
  /// gradient of its input, and other results for the backward pass.
  package var keptElements = 0.0

  /// Nothing to do.
  package init() {}

  /// The work of a layer that passes over its elements once each way, and takes them in place.
  package init(elements: Int) {
    forwardElements = 2 * Double(elements)
    backwardElements = 3 * Double(elements)
  }
}

/// A layer that reports its work.
package protocol MeasurableLayer<Scalar>: Layer {
  /// The work for an example's input, which fits the layer.
  func work(for input: Shape) throws -> LayerWork
}

extension Layer {
  /// The work for one example; of a layer that does not report it, that of a pass over its input and output.
  package func work(for input: Shape) throws -> LayerWork {
    if let layer = self as? any MeasurableLayer<Scalar> { return try layer.work(for: input) }
    if !children.isEmpty { return try workOfChildren(for: input) }
    let output = try outputShape(for: input)
    var work = LayerWork(elements: max(input.count, output.count))
    // Memory of its own, unless it hands on what it was given.
    if parameters.isEmpty, output == input { return work }
    if self is Flatten<Scalar> { return LayerWork() }
    work.keptElements = Double(input.count + output.count)
    return work
  }

  /// The work of a layer with children: the sum of theirs, as far as these follow each other.
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
  /// The work of a pooling layer: the forward pass reads every window, and the backward pass writes every input.
  fileprivate init(pooling input: Shape, to output: Shape, window: Int, notes: Double) {
    forwardElements = Double(output.count * (window + 1))
    backwardElements = Double(2 * input.count + output.count)
    keptElements = Double(input.count) + Double(output.count) * (1 + notes)
  }
}
