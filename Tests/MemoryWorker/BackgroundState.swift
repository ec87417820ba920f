import AllReduce
import AllReduceMPI
import AllReduceNN
import Foundation

/// Trains a network whose state is large, has it written twice in the background, and prints what that cost: how long
/// the writing took, how much slower steps were meanwhile, how much longer the steps with the copies took, and how much
/// memory.
struct BackgroundState {
  /// The bytes of the state: weights and momentum.
  let bytes: Int
  let folder: String

  /// When steps have ended, and whether a state was being written then.
  private final class Steps {
    var ends: [(time: ContinuousClock.Instant, isWriting: Bool)] = []

    /// How often the writing of a state has begun.
    var begun: Int { zip(ends, ends.dropFirst()).count { !$0.isWriting && $1.isWriting } }
    /// The seconds since a state was last being written, or since the beginning.
    var quiet: Double {
      guard let last = ends.last, let from = ends.last(where: \.isWriting) ?? ends.first else {
        return 0
      }
      return (last.time - from.time) / .seconds(1)
    }
    /// The number of states that have been asked for.
    var asked = 0
  }

  /// Notes each step.
  private struct NotedLoss: Loss {
    let steps: Steps
    let aside: String
    /// Where rank 0 asks for states; nil if it does not.
    let folder: String?

    func evaluate(
      _ output: Tensor<Float>, _ targets: Targets<Float>, gradient: Tensor<Float>?
    ) throws -> BatchScore {
      if gradient != nil {
        steps.ends.append((.now, FileManager.default.fileExists(atPath: aside)))
        // States that are so far from each other are written as slowly as any.
        if let folder, steps.quiet > 36, steps.asked == steps.begun {
          steps.asked += 1
          _ = FileManager.default.createFile(
            atPath: folder + (steps.begun < 2 ? "/save" : "/stop"), contents: nil)
        }
      }
      return try SoftmaxCrossEntropy().evaluate(output, targets, gradient: gradient)
    }
  }

  func run(on world: Communicator) throws {
    // Weights of a square layer, twice.
    let width = Int((Double(bytes) / 8).squareRoot())
    let data = TrainingData.synthetic(count: 20_000, testCount: 32)
    _ = try train(on: world, width, data, steps: 3)
    let peak = try BackgroundState.peakBytes()
    let steps = try train(on: world, width, data, steps: nil)
    guard world.isRoot else { return }
    report(steps, peak: try BackgroundState.peakBytes() - peak, width)
  }

  /// Trains for a few steps without states, or with two states until both are written.
  private func train(
    on world: Communicator, _ width: Int, _ data: TrainingData, steps count: Int?
  ) throws -> Steps {
    let steps = Steps()
    let trainer = try Trainer(
      Sequential(
        Flatten(), Dense(data.training.exampleShape.count, width), ReLU(), Dense(width, width),
        ReLU(), Dense(width, 10)),
      input: data.training.exampleShape, plan: .dataParallel, over: world, optimizer: Momentum(),
      loss: NotedLoss(
        steps: steps, aside: folder + "/.checkpoint.safetensors.new",
        folder: count == nil && world.isRoot ? folder : nil))
    let training = Training(trainer, data, globalBatchSize: 2)
    if count == nil {
      training.checkpoints = Checkpoints(folder: folder, everySteps: 1_000_000)
    }
    training.stepsPerEpoch = count ?? 10_000
    try training.run(epochs: 1)
    return steps
  }

  private func report(_ steps: Steps, peak: Int, _ width: Int) {
    let times = zip(steps.ends, steps.ends.dropFirst()).map { before, after in
      (
        seconds: (after.time - before.time) / .seconds(1), before: before.isWriting,
        after: after.isWriting
      )
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    // The first steps touch memory.
    let quiet = median(times.dropFirst(5).filter { !$0.before && !$0.after }.map(\.seconds))
    let busy = times.filter { $0.before && $0.after }.map(\.seconds)
    let state = 8 * (width * width + width * 796)
    print("state of \(state) bytes, \(times.count) steps of \(quiet) s, \(steps.begun) states")
    precondition(steps.begun == 2 && !busy.isEmpty, "training ended before two states were written")
    print("while it is written \(median(busy)) s, \(median(busy) / quiet - 1) more")
    var began: ContinuousClock.Instant?
    for (place, step) in times.enumerated() {
      if !step.before, step.after {
        began = steps.ends[place].time
        print("training stood still for \(step.seconds - quiet) s in step \(place + 2)")
      } else if let from = began, !step.after {
        print("written within \((steps.ends[place + 1].time - from) / .seconds(1)) s")
        began = nil
      }
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
