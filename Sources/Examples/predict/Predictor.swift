import AllReduce
import Foundation

/// A network whose outputs become predictions: rank 0 has the rows, all ranks compute.
struct Predictor {
  let network: Network<Float>
  let inputShape: Shape
  /// How rows are read, and what outputs mean.
  let format: ExampleFormat
  private let world: Communicator

  init(
    _ root: Sequential<Float>, input: Shape, _ format: ExampleFormat, over world: Communicator
  ) throws {
    network = try world.agreeing { try Network(root, input: input) }
    (inputShape, self.format, self.world) = (input, format, world)
  }

  /// The numbers of an output.
  private var width: Int { network.outputShape.count }

  /// The names of the columns of the predictions.
  func columns(_ probabilities: Bool) -> PredictionColumns {
    PredictionColumns(format, width: width, hasProbabilities: probabilities)
  }

  /// Predicts from all rows of rank 0's table. Collective.
  ///
  /// - Parameters:
  ///   - table: The rows; nil on other ranks.
  ///   - batchSize: The rows that a rank computes at once.
  ///   - body: Called on rank 0 with outputs, `[rows, width]`, in the order of the rows.
  /// - Throws: ``MPIError``; what `body` throws, on all ranks.
  func run(
    _ table: ExampleTable<Float>?, batchSize: Int, _ body: (ArraySlice<Float>) throws -> Void
  ) throws {
    var count = [Int64(table?.count ?? 0)]
    try world.broadcast(&count, from: 0)
    let (all, size) = (Int(count[0]), inputShape.count)
    let slot = Tensor<Float>(shape: inputShape.batch(of: batchSize))
    if world.size == 1, let table {
      var outputs: [Float] = []
      try compute(table.inputs[...], slot, into: &outputs) {
        try body($0[...])
        $0.removeAll(keepingCapacity: true)
      }
      return
    }
    // Rounds that keep memory and messages small.
    let round = max(world.size * batchSize, min(1 << 16, (1 << 26) / max(size, 1)))
    for first in stride(from: 0, to: all, by: round) {
      let rows = first..<min(first + round, all)
      let blocks = BlockPartition(count: rows.count, parts: world.size)
      let own = try world.scatter(
        table.map { Array($0.inputs[rows.lowerBound * size..<rows.upperBound * size]) } ?? [],
        counts: blocks.map { $0.count * size }, from: 0)
      var outputs: [Float] = []
      try compute(own[...], slot, into: &outputs) { _ in }
      let gathered = try world.gather(outputs, to: 0)
      try world.agreeing { if let gathered { try body(gathered[...]) } }
    }
  }

  /// Computes outputs batch by batch.
  private func compute(
    _ inputs: ArraySlice<Float>, _ slot: Tensor<Float>, into outputs: inout [Float],
    _ endBatch: (inout [Float]) throws -> Void
  ) throws {
    let size = inputShape.count
    let rows = inputs.count / max(size, 1)
    for first in stride(from: 0, to: rows, by: slot.rows) {
      let batch = slot.rows(0..<min(slot.rows, rows - first))
      let start = inputs.startIndex + first * size
      inputs[start..<start + batch.count].withUnsafeBufferPointer { source in
        batch.withValues { _ = $0.update(fromContentsOf: source) }
      }
      let result = try network.predict(batch)
      result.withValues { outputs.append(contentsOf: $0) }
      try endBatch(&outputs)
    }
  }
}

/// The columns of predictions.
struct PredictionColumns {
  let format: ExampleFormat
  /// The numbers of an output.
  let width: Int
  let hasProbabilities: Bool

  init(_ format: ExampleFormat, width: Int, hasProbabilities: Bool) {
    (self.format, self.width) = (format, width)
    self.hasProbabilities = hasProbabilities && !format.predictsNumbers
  }

  /// Their names.
  var names: [String] {
    if format.predictsNumbers {
      return width == 1 ? ["prediction"] : (1...width).map { "prediction_\($0)" }
    }
    return ["prediction", "probability"]
      + (hasProbabilities ? (0..<width).map { name(ofClass: $0) } : [])
  }

  func name(ofClass number: Int) -> String {
    format.classes.flatMap { number < $0.count ? $0[number] : nil } ?? "\(number)"
  }

  /// The most probable class of an output, and its probability.
  func classify(_ outputs: ArraySlice<Float>) -> (best: Int, probability: Double) {
    // One pass, without memory of its own: there may be millions of rows.
    var (largest, best) = (-Float.infinity, 0)
    for (number, output) in outputs.enumerated() where output > largest {
      (largest, best) = (output, number)
    }
    return (best, 1 / outputs.reduce(0) { $0 + exp(Double($1) - Double(largest)) })
  }

  /// The probabilities of all classes.
  func probabilities(_ outputs: ArraySlice<Float>) -> [Double] {
    let largest = Double(outputs.max() ?? 0)
    let exponentials = outputs.map { exp(Double($0) - largest) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }

  /// The prediction of an output: numbers in the data's own units.
  func numbers(_ outputs: ArraySlice<Float>) -> [Double] {
    outputs.enumerated().map { column, value in
      format.targets?.unscaled(Double(value), column: column) ?? Double(value)
    }
  }
}
