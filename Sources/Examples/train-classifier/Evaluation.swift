import AllReduce

/// Tries a network on examples that it has not learned from.
enum Evaluation {
  /// Examples that go through the network at once.
  private static let batch = 256

  /// The score over all examples, of which each rank tries a part. Collective.
  static func run(
    _ parallel: DataParallel<Float>, on data: any Dataset
  ) throws -> BatchScore {
    let world = parallel.communicator
    let own = BlockPartition(count: data.count, parts: world.size)[world.rank]
    var inputs = Scratch<Float>()
    let labels = TensorMemory<Int32>(count: batch)
    let loss = SoftmaxCrossEntropy<Float>()
    var score = BatchScore()
    parallel.network.pass.isTraining = false
    for start in stride(from: own.lowerBound, to: own.upperBound, by: batch) {
      let examples = Array(start..<min(start + batch, own.upperBound))
      let tensor = inputs.tensor(data.exampleShape.batch(of: examples.count))
      let truth = UnsafeMutableBufferPointer(rebasing: labels.values[0..<examples.count])
      data.fill(examples, inputs: tensor, labels: truth)
      score += try loss.evaluate(
        parallel.network.forward(tensor), .classes(UnsafeBufferPointer(truth)), gradient: nil)
    }
    return try parallel.sum(score)
  }
}
