import AllReduce
import Foundation

/// A network that predicts on all ranks: rank 0 has the rows, and all ranks compute.
struct Predictor {
  let network: Network<Float>
  let inputShape: Shape
  /// How rows are converted to inputs, and what the outputs mean.
  let format: ExampleFormat
  private let world: Communicator

  init(
    _ root: Sequential<Float>, input: Shape, _ format: ExampleFormat, over world: Communicator
  ) throws {
    network = try world.agreeing { try Network(toLoad: root, input: input) }
    (inputShape, self.format, self.world) = (input, format, world)
  }

  /// The number of values in an output.
  private var width: Int { network.outputShape.count }

  /// Returns the columns of the predictions, with the probability of each class if `probabilities`.
  func columns(_ probabilities: Bool) -> PredictionColumns {
    PredictionColumns(format, width: width, hasProbabilities: probabilities)
  }

  /// Computes the outputs for all rows that rank 0 has. Collective.
  ///
  /// - Parameters:
  ///   - rows: The rows on rank 0; nil on other ranks.
  ///   - batchSize: The number of rows that a rank computes at a time.
  ///   - body: Called on rank 0 with outputs, `[rows, width]`, in the order of the rows.
  /// - Throws: Errors of reading or of `body`, which are ``AgreedError`` on other ranks; ``MPIError``.
  func run(
    _ rows: InputRows<Float>?, batchSize: Int, _ body: (ArraySlice<Float>) throws -> Void
  ) throws {
    var count = [Int64(rows?.count ?? 0)]
    try world.broadcast(&count, from: 0)
    let (all, size) = (Int(count[0]), inputShape.count)
    let slot = Tensor<Float>(shape: inputShape.batch(of: batchSize))
    var outputs: [Float] = []
    if world.size == 1, let rows {
      try forEachBatch(of: all, slot) { batch, numbers in
        try batch.withValues { try rows.read(numbers, into: $0) }
        try compute(batch, into: &outputs)
        try body(outputs[...])
        outputs.removeAll(keepingCapacity: true)
      }
      return
    }
    // Rows are scattered in rounds, to keep memory and messages small.
    let round = max(world.size * batchSize, min(1 << 16, (1 << 26) / max(size, 1)))
    for first in stride(from: 0, to: all, by: round) {
      let numbers = first..<min(first + round, all)
      let blocks = BlockPartition(count: numbers.count, parts: world.size)
      let inputs = try world.agreeing { try rows.map { try $0.array(numbers) } ?? [] }
      let own = try world.scatter(inputs, counts: blocks.map { $0.count * size }, from: 0)
      outputs.removeAll(keepingCapacity: true)
      try own.withUnsafeBufferPointer { own in
        try forEachBatch(of: own.count / max(size, 1), slot) { batch, numbers in
          batch.withValues {
            _ = $0.update(
              fromContentsOf: own[numbers.lowerBound * size..<numbers.upperBound * size])
          }
          try compute(batch, into: &outputs)
        }
      }
      let gathered = try world.gather(outputs, to: 0)
      try world.agreeing { if let gathered { try body(gathered[...]) } }
    }
  }

  /// Calls `body` with `count` rows in pieces of at most `slot.rows`: with the memory for a piece, and the numbers of
  /// its rows.
  private func forEachBatch(
    of count: Int, _ slot: Tensor<Float>, _ body: (Tensor<Float>, Range<Int>) throws -> Void
  ) rethrows {
    for first in stride(from: 0, to: count, by: slot.rows) {
      let numbers = first..<min(first + slot.rows, count)
      try body(slot.rows(0..<numbers.count), numbers)
    }
  }

  private func compute(_ batch: Tensor<Float>, into outputs: inout [Float]) throws {
    let result = try network.predict(batch)
    result.withValues { outputs.append(contentsOf: $0) }
  }
}

extension InputRows {
  /// Reads a range of rows into an array.
  fileprivate func array(_ rows: Range<Int>) throws -> [Element] {
    let count = rows.count * shape.count
    return try [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(rows, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
      initialized = count
    }
  }
}

/// The columns in which predictions are written.
struct PredictionColumns {
  let format: ExampleFormat
  /// The number of values in an output.
  let width: Int
  let hasProbabilities: Bool

  init(_ format: ExampleFormat, width: Int, hasProbabilities: Bool) {
    (self.format, self.width) = (format, width)
    self.hasProbabilities = hasProbabilities && !format.predictsNumbers
  }

  /// The names of the columns.
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

  /// Returns the most probable class of an output, and its probability.
  func classify(_ outputs: ArraySlice<Float>) -> (best: Int, probability: Double) {
    // One pass that allocates nothing, because there may be millions of rows.
    var (largest, best) = (-Float.infinity, 0)
    for (number, output) in outputs.enumerated() where output > largest {
      (largest, best) = (output, number)
    }
    return (best, 1 / outputs.reduce(0) { $0 + exp(Double($1) - Double(largest)) })
  }

  /// Returns the probability of each class, by softmax.
  func probabilities(_ outputs: ArraySlice<Float>) -> [Double] {
    let largest = Double(outputs.max() ?? 0)
    let exponentials = outputs.map { exp(Double($0) - largest) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }

  /// Converts an output to predicted numbers, in the data's own units.
  func numbers(_ outputs: ArraySlice<Float>) -> [Double] {
    outputs.enumerated().map { column, value in
      format.targets?.unscaled(Double(value), column: column) ?? Double(value)
    }
  }
}
