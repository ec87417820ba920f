package import AllReduceNN

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The speed of a rank's computation while the other ranks of its host also compute.
package struct ComputeRates: Equatable, Sendable {
  /// The measured times of the three matrix products of a dense layer.
  package struct Product: Equatable, Sendable {
    /// The number of examples.
    package let rows: Int
    /// The number of the layer's inputs.
    package let inputs: Int
    /// The number of the layer's outputs.
    package let outputs: Int
    /// The seconds of the forward product.
    package let forward: Double
    /// The seconds of the product for the weight's gradient.
    package let weightGradient: Double
    /// The seconds of the product for the input's gradient.
    package let inputGradient: Double

    package init(
      rows: Int, inputs: Int, outputs: Int, forward: Double, weightGradient: Double,
      inputGradient: Double
    ) {
      (self.rows, self.inputs, self.outputs) = (rows, inputs, outputs)
      (self.forward, self.weightGradient, self.inputGradient) = (
        forward, weightGradient, inputGradient
      )
    }
  }

  /// The measured times of a layer's passes.
  package struct LayerTime: Equatable, Sendable {
    /// The description of the layer (``Layer/summary``).
    package let layer: String
    /// The shape of one example's input.
    package let input: [Int]
    /// The number of examples.
    package let rows: Int
    /// The number of first hosts that computed while the others were idle; nil if all hosts computed.
    package let hosts: Int?
    /// The seconds of the forward pass.
    package let forward: Double
    /// The seconds of the backward pass, including the gradient of the input.
    package let backward: Double
    /// The seconds of the backward pass without the gradient of the input.
    package let backwardWithoutInput: Double

    package init(
      layer: String, input: [Int], rows: Int, hosts: Int? = nil, forward: Double,
      backward: Double, backwardWithoutInput: Double
    ) {
      (self.layer, self.input, self.rows, self.hosts) = (layer, input, rows, hosts)
      (self.forward, self.backward) = (forward, backward)
      self.backwardWithoutInput = backwardWithoutInput
    }

    /// The same times with no ``hosts``, for a profile of these hosts only.
    fileprivate var onAllHosts: LayerTime {
      LayerTime(
        layer: layer, input: input, rows: rows, forward: forward, backward: backward,
        backwardWithoutInput: backwardWithoutInput)
    }
  }

  /// The number of multiplications and additions per second in large matrix products.
  package var operationsPerSecond: Double
  /// The number of multiplications and additions per second in convolutions.
  package var convolutionOperationsPerSecond: Double
  /// The number of bytes that a rank reads or writes in memory per second.
  package var memoryBytesPerSecond: Double
  /// The fixed cost of each layer in a pass, in seconds.
  package var layerSeconds: Double
  /// The matrix products that were measured; empty if `operationsPerSecond` is used for all sizes.
  package var products: [Product]
  /// The layers that were measured.
  package var layers: [LayerTime]

  package init(
    operationsPerSecond: Double, convolutionOperationsPerSecond: Double? = nil,
    memoryBytesPerSecond: Double, layerSeconds: Double = 0, products: [Product] = [],
    layers: [LayerTime] = []
  ) {
    self.operationsPerSecond = operationsPerSecond
    self.convolutionOperationsPerSecond = convolutionOperationsPerSecond ?? operationsPerSecond
    self.memoryBytesPerSecond = memoryBytesPerSecond
    self.layerSeconds = layerSeconds
    self.products = products
    self.layers = layers
  }
}

extension ComputeRates {
  /// Returns the layers' times if only the first `count` hosts compute: the times measured while the other hosts were
  /// idle and, for layers without these, the times measured on all hosts.
  func layers(onHosts count: Int) -> [LayerTime] {
    let alone = layers.filter { $0.hosts == count }.map { $0.onAllHosts }
    return alone
      + layers.filter { time in
        time.hosts == nil
          && !alone.contains {
            ($0.layer, $0.input, $0.rows) == (time.layer, time.input, time.rows)
          }
      }
  }
}

/// The seconds of a layer's passes for a number of examples.
package struct PassSeconds: Equatable, Sendable {
  package var forward = 0.0
  /// The seconds of the backward pass with only the gradients of the parameters.
  package var parameterGradients = 0.0
  /// The additional seconds of the gradient of the input.
  package var inputGradient = 0.0
}

extension ComputeRates {
  /// Returns the seconds of the three matrix products of a dense layer, from the measured products or, if there are
  /// none, from the rates.
  package func product(rows: Int, inputs: Int, outputs: Int) -> PassSeconds {
    guard rows > 0, inputs > 0, outputs > 0 else { return PassSeconds() }
    let operations = 2 * Double(rows) * Double(inputs) * Double(outputs)
    guard !products.isEmpty else {
      // The time is at least that of one pass over the weight, or over its gradient.
      let weight = 4 * Double(inputs) * Double(outputs) / memoryBytesPerSecond
      let seconds = max(operations / operationsPerSecond, weight) + layerSeconds
      return PassSeconds(forward: seconds, parameterGradients: seconds, inputGradient: seconds)
    }
    // The mean of the measured rates, in which the nearest sizes have the largest weight.
    func distance(_ other: Product) -> Double {
      let differences = [
        (rows, other.rows), (inputs, other.inputs), (outputs, other.outputs),
      ].map { log(Double($0) / Double($1)) }
      return 4 * differences[0] * differences[0] + differences[1] * differences[1]
        + differences[2] * differences[2] + 1e-6
    }
    var (weights, inverse) = (0.0, PassSeconds())
    for other in products {
      let weight = 1 / (distance(other) * distance(other))
      let size = 2 * Double(other.rows) * Double(other.inputs) * Double(other.outputs)
      weights += weight
      inverse.forward += weight * other.forward / size
      inverse.parameterGradients += weight * other.weightGradient / size
      inverse.inputGradient += weight * other.inputGradient / size
    }
    return PassSeconds(
      forward: operations * inverse.forward / weights,
      parameterGradients: operations * inverse.parameterGradients / weights,
      inputGradient: operations * inverse.inputGradient / weights)
  }

  /// Returns the seconds of a layer's passes: as measured or, for other layers, from its operations and memory traffic.
  package func seconds(
    of layer: any Layer<Float>, input: Shape, rows: Int
  ) -> PassSeconds {
    if rows == 0 { return PassSeconds() }
    if let found = measured(layer.summary, input, rows) { return found }
    if let dense = layer as? Dense<Float> {
      return product(rows: rows, inputs: dense.inputs, outputs: dense.outputs)
    }
    guard let work = try? layer.work(for: input) else { return PassSeconds() }
    let (operations, rows) = (work.operations * Double(rows), Double(rows))
    let computed = operations / convolutionOperationsPerSecond
    func moved(_ elements: Double) -> Double { 4 * elements * rows / memoryBytesPerSecond }
    return PassSeconds(
      forward: computed + moved(work.forwardElements) + layerSeconds,
      parameterGradients: computed + (operations > 0 ? moved(work.backwardElements) / 2 : 0)
        + layerSeconds,
      inputGradient: computed + moved(work.backwardElements) / (operations > 0 ? 2 : 1))
  }

  /// Returns the measured times of a layer, interpolated linearly between two numbers of examples; nil if the layer was
  /// not measured.
  private func measured(_ summary: String, _ input: Shape, _ rows: Int) -> PassSeconds? {
    let found = layers.filter {
      $0.hosts == nil && $0.layer == summary && Shape($0.input) == input
    }
    .sorted { $0.rows < $1.rows }
    guard let last = found.last else { return nil }
    func seconds(_ time: LayerTime, _ factor: Double) -> PassSeconds {
      PassSeconds(
        forward: factor * time.forward, parameterGradients: factor * time.backwardWithoutInput,
        inputGradient: factor * max(0, time.backward - time.backwardWithoutInput))
    }
    guard let above = found.firstIndex(where: { $0.rows >= rows }) else {
      return seconds(last, Double(rows) / Double(last.rows))
    }
    if found[above].rows == rows || above == 0 {
      return seconds(found[above], Double(rows) / Double(max(found[above].rows, 1)))
    }
    let (a, b) = (found[above - 1], found[above])
    let part = Double(rows - a.rows) / Double(b.rows - a.rows)
    let (low, high) = (seconds(a, 1 - part), seconds(b, part))
    return PassSeconds(
      forward: low.forward + high.forward,
      parameterGradients: low.parameterGradients + high.parameterGradients,
      inputGradient: low.inputGradient + high.inputGradient)
  }
}
