import AllReduce

/// Tries a network on examples that it has not learned from.
enum Evaluation {
  /// Hands out examples in batches.
  ///
  /// - Parameters:
  ///   - data: All examples.
  ///   - own: Which of them are tried here.
  ///   - batch: The most at once.
  ///   - turns: How many batches there are; nil for as many as there are examples for. What is collective
  ///     needs as many on each rank, the last of which may be empty.
  ///   - body: Gets `[examples, ...]` and their classes.
  /// - Throws: What `body` throws.
  static func run(
    on data: any Dataset, _ own: Range<Int>, batch: Int, turns: Int?,
    _ body: (Tensor<Float>, [Int32]) throws -> Void
  ) throws {
    var inputs = Scratch<Float>()
    for turn in 0..<(turns ?? (own.count + batch - 1) / batch) {
      let start = min(own.lowerBound + turn * batch, own.upperBound)
      let examples = Array(start..<min(start + batch, own.upperBound))
      let tensor = inputs.tensor(data.exampleShape.batch(of: examples.count))
      var labels = [Int32](repeating: 0, count: examples.count)
      labels.withUnsafeMutableBufferPointer { data.fill(examples, inputs: tensor, labels: $0) }
      try body(tensor, labels)
    }
  }
}
