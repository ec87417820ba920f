import AllReduce

try MPI.run { world in
  let data = try world.agreeing {
    try TrainingData(csv: "data/breast_cancer.csv", target: "benign")
  }
  let network = Sequential<Float>(Dense(30, 16), ReLU(), Dense(16, 2))
  let trainer = try Trainer(
    network, input: data.training.exampleShape, over: world, optimizer: Momentum(),
    loss: SoftmaxCrossEntropy())
  let training = Training(trainer, data, globalBatchSize: 32)
  training.schedule = .constant(0.01)
  try training.run(epochs: 10)
  if world.isRoot {
    print("loss \(training.trainLoss.map { ($0 * 1000).rounded() / 1000 })")
    print("accuracy \(training.testAccuracy.last!)")
  }
}
