import AllReduce

/// A layer without parameters: the size of each number.
final class Absolute: Layer {
  var input: Tensor<Float>?
  var summary: String { "Absolute" }
  func outputShape(for input: Shape) -> Shape { input }

  func forward(_ input: Tensor<Float>, _ pass: Pass<Float>) throws -> Tensor<Float> {
    self.input = input
    return Tensor(input.elements.map { abs($0) }, shape: input.shape)
  }

  func backward(
    _ gradient: Tensor<Float>, _ pass: Pass<Float>, needsInputGradient: Bool
  ) throws -> Tensor<Float>? {
    for index in 0..<gradient.count where input![index] < 0 { gradient[index] *= -1 }
    return gradient
  }
}

/// How far an output is from its target, whichever way.
struct MeanAbsoluteError: Loss {
  func evaluate(
    _ output: Tensor<Float>, _ targets: Targets<Float>, gradient: Tensor<Float>?
  ) throws -> BatchScore {
    guard case .values(let wanted) = targets else { fatalError("Targets are numbers here.") }
    var score = BatchScore(examples: output.rows)
    for row in 0..<output.rows {
      let difference = output[row] - wanted[row]
      score.loss += Double(abs(difference))
      gradient?[row] = difference > 0 ? 1 : -1
    }
    return score
  }
}

try MPI.run { world in
  let data = try world.agreeing {
    try TrainingData(
      csv: "data/diabetes.csv", target: "progression", predictsNumbers: true)
  }
  let network = Sequential<Float>(Dense(10, 16), Absolute(), Dense(16, 1))
  let trainer = try Trainer(
    network, input: [10], over: world, optimizer: SGD(), loss: MeanAbsoluteError())
  let training = Training(trainer, data, globalBatchSize: 32)
  training.schedule = .constant(0.01)
  try training.run(epochs: 10)
  if world.isRoot {
    print("loss \(training.trainLoss.map { ($0 * 1000).rounded() / 1000 })")
  }
}
