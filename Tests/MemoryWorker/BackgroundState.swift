import AllReduce
import AllReduceMPI
import AllReduceNN
import Foundation

/// Trains a network whose state is large, has it written once in the background, and prints what that cost: how long
/// the writing took, how much slower steps were meanwhile, how long the step with the copy took, and how much memory.
struct BackgroundState {
  /// The bytes of the state: weights and momentum.
  let bytes: Int
  let folder: String

  /// When steps have ended, and whether a state was being written then.
  private final class Steps {
    var ends: [(time: ContinuousClock.Instant, isWriting: Bool)] = []
    /// Before the first state.
    var peak = 0
  }

  /// Notes each step.
  private struct NotedLoss: Loss {
    let steps: Steps
    let aside: String
    let save: String

    func evaluate(
      _ output: Tensor<Float>, _ targets: Targets<Float>, gradient: Tensor<Float>?
    ) throws -> BatchScore {
      if gradient != nil {
        steps.ends.append((.now, FileManager.default.fileExists(atPath: aside)))
        if steps.ends.count == 5 { steps.peak = try BackgroundState.peakBytes() }
        // The second state finds memory for its copy that is in use already.
        if [6, 30].contains(steps.ends.count) {
          _ = FileManager.default.createFile(atPath: save, contents: nil)
        }
      }
      return try SoftmaxCrossEntropy().evaluate(output, targets, gradient: gradient)
    }
  }

  func run(on world: Communicator) throws {
    // Weights of a square layer, twice.
    let width = Int((Double(bytes) / 8).squareRoot())
    let data = TrainingData.synthetic(count: 640, testCount: 32)
    let steps = Steps()
    let trainer = try Trainer(
      Sequential(
        Flatten(), Dense(data.training.exampleShape.count, width), ReLU(), Dense(width, width),
        ReLU(), Dense(width, 10)),
      input: data.training.exampleShape, plan: .dataParallel, over: world, optimizer: Momentum(),
      loss: NotedLoss(
        steps: steps, aside: folder + "/.checkpoint.safetensors.new", save: folder + "/save"))
    let training = Training(trainer, data, globalBatchSize: 2)
    training.checkpoints = Checkpoints(folder: folder, everySteps: 1_000_000)
    training.stepsPerEpoch = 54
    try training.run(epochs: 1)
    guard world.isRoot else { return }
    report(steps, peak: try BackgroundState.peakBytes() - steps.peak, width)
  }

  private func report(_ steps: Steps, peak: Int, _ width: Int) {
    let times = zip(steps.ends, steps.ends.dropFirst()).map { before, after in
      (
        seconds: (after.time - before.time) / .seconds(1),
        isWriting: before.isWriting && after.isWriting, place: after.time
      )
    }
    let quiet = times.filter { !$0.isWriting }.map(\.seconds).sorted()
    let busy = times.filter(\.isWriting).map(\.seconds).sorted()
    let state = 8 * (width * width + width * 796)
    print(
      "state \(state) bytes; steps: \(quiet.count) quiet, median \(quiet[quiet.count / 2]) s; "
        + "\(busy.count) while it was written, median \(busy.isEmpty ? 0 : busy[busy.count / 2]) s")
    print("the longest steps: \(times.map(\.seconds).sorted().suffix(3)) s")
    let writing = steps.ends.filter(\.isWriting).map(\.time)
    if let first = writing.first, let last = writing.last {
      print("seen writing from \(first) to \(last): \((last - first) / .seconds(1)) s")
    }
    print(
      "a memcpy of it into new memory takes \(BackgroundState.copySeconds(state, again: false)) s")
    print(
      "a memcpy of it into used memory takes \(BackgroundState.copySeconds(state, again: true)) s")
    print("memory: \(peak) bytes more at the peak, \(Double(peak) / Double(state)) of the state")
  }

  private static func copySeconds(_ count: Int, again: Bool) -> Double {
    let source = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
    let target = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
    defer {
      source.deallocate()
      target.deallocate()
    }
    source.initializeMemory(as: UInt8.self, repeating: 1, count: count)
    if again { target.initializeMemory(as: UInt8.self, repeating: 2, count: count) }
    let start = ContinuousClock.now
    target.copyMemory(from: source, byteCount: count)
    return (ContinuousClock.now - start) / .seconds(1)
  }

  /// The largest resident memory so far.
  static func peakBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return 1024 * (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
  }
}
