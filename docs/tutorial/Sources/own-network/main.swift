import AllReduce

try MPI.run { world in
  let data = try world.agreeing { try TrainingData(digits: "data/digits.csv.gz") }
  let network = Sequential<Float>(
    Conv2D(inputChannels: 1, outputChannels: 8, kernel: 3, padding: 1), BatchNorm(8), ReLU(),
    MaxPool2D(kernel: 2, stride: 2), Flatten(), Dense(128, 32), Tanh(), Dropout(0.1), Dense(32, 10))
  let trainer = try Trainer(
    network, input: [8, 8, 1], over: world, optimizer: Adam(), loss: SoftmaxCrossEntropy())
  let training = Training(trainer, data, globalBatchSize: 60)
  training.schedule = .cosine(from: 0.005, over: 5 * 24)
  training.checkpoints = Checkpoints(folder: "digits-state")
  training.checkpoints?.keepsBest = true
  try training.run(epochs: 5)
  if world.isRoot {
    print("loss \(training.trainLoss.map { ($0 * 100).rounded() / 100 })")
  }
}
