/// How much is measured at one size.
struct Effort {
  /// Calls of each contender before measuring.
  let warmup: Int
  /// Measured calls of each; nil for as many as `seconds` allows.
  let iterations: Int?
  /// How long each contender is measured, the rewriting of buffers included.
  let seconds: Double
  /// The bounds of what `seconds` allows.
  let calls: ClosedRange<Int>

  init(warmup: Int, iterations: Int?, seconds: Double, calls: ClosedRange<Int>) {
    self.warmup = warmup
    self.iterations = iterations
    self.seconds = seconds
    self.calls = calls
  }

  /// The effort that the command line asks for.
  init(_ options: BenchOptions, bytes: Int) {
    self.init(
      warmup: options.warmup ?? Effort.usualWarmup(bytes: bytes), iterations: options.iterations,
      seconds: options.seconds ?? 0.3, calls: 7...(options.seconds == nil ? 5000 : 1_000_000))
  }

  static func usualWarmup(bytes: Int) -> Int {
    bytes < 1 << 20 ? 10 : bytes < 64 << 20 ? 2 : 1
  }

  /// How many calls at the beginning of each turn do not count.
  ///
  /// Links let through at once what they saved while others were used, some hundred KiB where a queue shapes
  /// them: then a small vector would travel as fast as the links that the one before left idle. After some
  /// calls of its own each contender has the wire that it leaves to itself.
  static func settlingCalls(bytes: Int, hosts: Int) -> Int {
    hosts > 1 && bytes <= 256 << 10 ? 7 : 0
  }

  /// How many measured calls each gets, where a round of all takes so long.
  func rounds(roundSeconds: Double, contenders: Int) -> Int {
    if let iterations { return iterations }
    let rounds = (seconds * Double(contenders) / max(roundSeconds, 1e-9)).rounded(.up)
    return min(max(Int(min(rounds, 1e6)), calls.lowerBound), calls.upperBound)
  }
}
