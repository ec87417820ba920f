internal import AllReduceMPI
public import AllReduceNN

extension ModelParallel {
  func evaluate(
    _ output: Tensor<Scalar>, _ labels: [Int32], withGradient: Bool
  ) throws -> (own: BatchScore, gradient: Tensor<Scalar>?) {
    let gradient = withGradient ? outputGradient.tensor(output.shape) : nil
    let targets = Targets<Scalar>.classes(labels)
    let score =
      try dividedLoss?.evaluate(output, targets, gradient: gradient)
      ?? wholeLoss.evaluate(output, targets, gradient: gradient)
    return (score, gradient)
  }

  /// Tries the network on examples that it does not learn from: as ``step(_:_:examples:afterTurn:)`` has
  /// them. Collective over the model group.
  ///
  /// - Returns: The score of the model group's examples.
  public func score(
    _ inputs: Tensor<Scalar>, _ labels: [Int32]
  ) throws -> BatchScore {
    network.pass.isTraining = false
    let output = try network.forward(inputs)
    guard layers.front != nil else {
      return try evaluate(output, labels, withGradient: false).own
    }
    let group = try GroupExamples(
      labels, Array(repeating: 0, count: labels.count), over: layers.communicator)
    return try evaluate(output, group.labels, withGradient: false).own
  }

  /// Adds up the scores of the model groups. Collective.
  public func sum(_ group: BatchScore) throws -> BatchScore {
    var numbers = [Double(group.examples), group.loss, Double(group.correct)]
    try grid.data.allReduce(&numbers, .sum)
    return BatchScore(examples: Int(numbers[0]), loss: numbers[1], correct: Int(numbers[2]))
  }
}
