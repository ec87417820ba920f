import Foundation

/// A state that version 0.1 of the library kept after an epoch of 4 steps, and what that version said of it.
///
/// There is one for each way to train; each is a few KB, in the folder States. `train-classifier` wrote them
/// with ``allOptions``, `--epochs 1` and ``options``.
public struct KeptState: Sendable {
  /// What trained it; the name of its file.
  public let name: String
  /// The ranks that trained it.
  public let ranks: Int
  /// The options that it does not share with the others.
  public let options: [String]
  /// The checksum of its weights, on one rank.
  public let weightsChecksum: UInt64
  /// The running mean and the running variance of its batch norm, two channels each.
  public let statistics: [Float]
  /// The mean loss of the epoch after it.
  public let nextLoss: Double

  /// The layers.
  public static let layers =
    "8x8x1,conv:2x3,batchnorm,relu,pool:4,6,layernorm,relu,dropout:0.25,10"
  /// The options that all have.
  public static let allOptions = [
    "--data", "digits", "--data-limit", "96", "--layers", layers, "--global-batch-size", "24",
  ]

  /// The file.
  public var path: String {
    Bundle.module.bundleURL.appendingPathComponent("States/\(name).safetensors").path
  }

  /// All of them.
  public static let all = [
    KeptState(
      name: "replicated", ranks: 2,
      options: ["--optimizer", "adam", "--learning-rate", "0.003", "--update", "replicated"],
      weightsChecksum: 0x81e4_1ff4_8df7_f472,
      statistics: [-0.0803809464, 0.185370475, 0.731544077, 0.727272153],
      nextLoss: 2.8302923838297525),
    KeptState(
      name: "sharded", ranks: 3,
      options: ["--optimizer", "momentum", "--learning-rate", "0.02", "--update", "sharded"],
      weightsChecksum: 0x0264_6f42_543a_9e29,
      statistics: [-0.0791796818, 0.184339464, 0.731337488, 0.726979256],
      nextLoss: 2.550520936648051),
    KeptState(
      name: "shared", ranks: 2,
      options: ["--optimizer", "adamw", "--learning-rate", "0.003", "--update", "shared"],
      weightsChecksum: 0xe842_2920_f203_79e3,
      statistics: [-0.0799713135, 0.186202437, 0.731536686, 0.727265179],
      nextLoss: 2.8301354249318442),
    KeptState(
      name: "model", ranks: 2, options: ["--optimizer", "adagrad", "--strategy", "model"],
      weightsChecksum: 0x162f_af95_fc26_0b06,
      statistics: [-0.0815754384, 0.185528502, 0.732224345, 0.727622688],
      nextLoss: 2.699022849649386),
    KeptState(
      name: "hybrid", ranks: 3, options: ["--optimizer", "lars", "--strategy", "hybrid"],
      weightsChecksum: 0x6262_be7f_5333_5311,
      statistics: [-0.0785138011, 0.184748262, 0.730896831, 0.727225125],
      nextLoss: 2.3217404771564443),
    KeptState(
      name: "grid", ranks: 4,
      options: [
        "--optimizer", "nesterov", "--learning-rate", "0.02", "--strategy", "hybrid",
        "--grid", "2x2", "--schedule", "step", "--warm-up", "2",
      ],
      weightsChecksum: 0xd0eb_00c8_aee6_6c92,
      statistics: [-0.0791015178, 0.184678048, 0.731175661, 0.727219522],
      nextLoss: 2.696973443031311),
    KeptState(
      name: "model-grid", ranks: 4,
      options: [
        "--optimizer", "sgd", "--strategy", "model", "--grid", "2x2", "--schedule", "cosine",
      ],
      weightsChecksum: 0x2675_8217_d4b2_0ebb,
      statistics: [-0.0796166509, 0.184223294, 0.73162514, 0.726899087],
      nextLoss: 2.7126778761545816),
  ]
}
