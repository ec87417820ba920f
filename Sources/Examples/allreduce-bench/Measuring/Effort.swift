/// How long the contenders are measured at one size.
struct Effort {
  /// The number of calls of each contender before measuring.
  let warmup: Int
  /// The number of measured calls of each contender; nil for as many calls as fit into `seconds`.
  let iterations: Int?
  /// How long each contender is measured, including the time to rewrite buffers.
  let seconds: Double
  /// The bounds of the number of calls if `iterations` is nil.
  let calls: ClosedRange<Int>

  init(warmup: Int, iterations: Int?, seconds: Double, calls: ClosedRange<Int>) {
    self.warmup = warmup
    self.iterations = iterations
    self.seconds = seconds
    self.calls = calls
  }

  /// Creates the effort that the options ask for, at a size of `bytes` bytes.
  init(_ options: BenchOptions, bytes: Int) {
    self.init(
      warmup: options.warmup ?? Effort.usualWarmup(bytes: bytes), iterations: options.iterations,
      seconds: options.seconds ?? 0.3, calls: 7...(options.seconds == nil ? 5000 : 1_000_000))
  }

  static func usualWarmup(bytes: Int) -> Int {
    bytes < 1 << 20 ? 10 : bytes < 64 << 20 ? 2 : 1
  }

  /// Returns the number of unmeasured calls before each measured call: 7 for up to 256 KiB between hosts, otherwise 0.
  ///
  /// A traffic shaper lets a burst of some hundred KiB through at once after a link has been idle. Then a small vector
  /// would be sent faster if the previous contender had left the links idle. After some calls of its own, each
  /// contender measures the links in the state that it causes itself.
  static func settlingCalls(bytes: Int, hosts: Int) -> Int {
    hosts > 1 && bytes <= 256 << 10 ? 7 : 0
  }

  /// Returns the number of measured calls of each contender, where one call of all contenders takes `roundSeconds`.
  func rounds(roundSeconds: Double, contenders: Int) -> Int {
    if let iterations { return iterations }
    let rounds = (seconds * Double(contenders) / max(roundSeconds, 1e-9)).rounded(.up)
    return min(max(Int(min(rounds, 1e6)), calls.lowerBound), calls.upperBound)
  }
}
