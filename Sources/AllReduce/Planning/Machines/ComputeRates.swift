package import AllReduceNN

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The speed of a rank's computation while the other ranks of its host compute too.
package struct ComputeRates: Equatable, Sendable {
  /// The three products of a dense layer, measured.
  package struct Product: Equatable, Sendable {
    /// Examples, inputs and outputs.
    package let rows: Int
    package let inputs: Int
    package let outputs: Int
    /// Seconds forward, of the weight's gradient, and of the input's.
    package let forward: Double
    package let weightGradient: Double
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

  /// A layer's passes, measured.
  package struct LayerTime: Equatable, Sendable {
    /// ``Layer/summary``, with the shape of an example's input.
    package let layer: String
    package let input: [Int]
    /// Examples.
    package let rows: Int
    /// The first hosts, which computed meanwhile; nil for all.
    package let hosts: Int?
    package let forward: Double
    package let backward: Double
    /// The backward pass without the gradient of the input.
    package let backwardWithoutInput: Double

    package init(
      layer: String, input: [Int], rows: Int, hosts: Int? = nil, forward: Double,
      backward: Double, backwardWithoutInput: Double
    ) {
      (self.layer, self.input, self.rows, self.hosts) = (layer, input, rows, hosts)
      (self.forward, self.backward) = (forward, backward)
      self.backwardWithoutInput = backwardWithoutInput
    }

    /// The same, of a profile that has no other hosts.
    fileprivate var onAllHosts: LayerTime {
      LayerTime(
        layer: layer, input: input, rows: rows, forward: forward, backward: backward,
        backwardWithoutInput: backwardWithoutInput)
    }
  }

  /// Multiplications and additions a second of large products.
  package var operationsPerSecond: Double
  /// The same of convolutions.
  package var convolutionOperationsPerSecond: Double
  /// Bytes a second that a rank reads or writes in memory.
  package var memoryBytesPerSecond: Double
  /// The fixed cost of each layer in a pass.
  package var layerSeconds: Double
  /// Products that were measured; empty where `operationsPerSecond` says it all.
  package var products: [Product]
  /// Layers that were measured.
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
  /// The layers' times where only the first `count` hosts compute: those measured while the other hosts rested, and of
  /// other layers those measured on all hosts.
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

/// Seconds of a layer's passes for a number of examples.
package struct PassSeconds: Equatable, Sendable {
  package var forward = 0.0
  /// With the gradients of the parameters alone.
  package var parameterGradients = 0.0
  /// The additional time of the gradient of the input.
  package var inputGradient = 0.0
}

extension ComputeRates {
  /// The three products of a dense layer of a size.
  package func product(rows: Int, inputs: Int, outputs: Int) -> PassSeconds {
    guard rows > 0, inputs > 0, outputs > 0 else { return PassSeconds() }
    let operations = 2 * Double(rows) * Double(inputs) * Double(outputs)
    guard !products.isEmpty else {
      // Reading the weight, and reading and writing its gradient, are the least.
      let weight = 4 * Double(inputs) * Double(outputs) / memoryBytesPerSecond
      let seconds = max(operations / operationsPerSecond, weight) + layerSeconds
      return PassSeconds(forward: seconds, parameterGradients: seconds, inputGradient: seconds)
    }
    // The mean of the rates that were measured, in which near sizes weigh most.
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

  /// The passes of a layer, measured or by its work.
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

  /// The measured time of a layer, interpolated linearly between two numbers of examples; nil if it was not measured.
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
