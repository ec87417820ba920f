import AllReduce
import AllReduceMPI
import AllReduceNN

/// Trains while the last rank has something else than the others, as an argument says: "unequal-data".
///
/// - Returns: Whether there is such a fault.
func runUnequalRanks(_ fault: String, on world: Communicator) throws -> Bool {
  guard fault.hasPrefix("unequal-") else { return false }
  let what = fault.dropFirst("unequal-".count)
  let differs = world.rank == world.size - 1
  func other(_ name: String) -> Bool { differs && what == name }
  let images = try TrainingData(
    training: SyntheticImages(count: 60, seed: other("data") ? 2 : 1),
    test: SyntheticImages(count: 20, seed: 1, first: 60))
  let activation: any Layer<Float> = other("activation") ? Tanh() : ReLU()
  let root = Sequential<Float>([
    Flatten(), Dense(784, other("layers") ? 9 : 8), activation,
    Dense(other("layers") ? 9 : 8, 10),
  ])
  let trainer = try Trainer(
    root, input: images.training.exampleShape, over: world,
    optimizer: other("optimizer") ? Adam() as any UpdateRule : Momentum(0.9),
    loss: SoftmaxCrossEntropy())
  let training = Training(trainer, images, globalBatchSize: 20)
  training.schedule = .constant(other("schedule") ? 0.01 : 0.05)
  try training.run(epochs: other("epochs") ? 2 : 1)
  return true
}
