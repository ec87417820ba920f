import AllReduce
import ExampleSupport

/// Finds out which algorithm `automatic` should choose for each size on these ranks, for `--tune`.
///
/// At each size all candidates are measured briefly, then those near the fastest for longer. A candidate that is much
/// slower at a large size is not tried at still larger sizes. Sizes that would take too long are left out, unless they
/// were asked for.
struct Tuning<Scalar: BenchScalar> {
  private let options: BenchOptions
  private let setting: Setting
  private let world: Communicator
  private let console: RankConsole
  private let benchmark: Benchmark<Scalar>
  private let seconds: Double
  private var hopeless: Set<Contender> = []
  /// The smallest number of measured calls: of each candidate in the first measurement, and of those near the fastest
  /// in the second. Each measurement begins with one more call, to warm up.
  private let leastCalls = (first: 2, second: 3)

  /// Allocates the buffers for all candidates. Collective.
  init(
    _ options: BenchOptions, _ setting: Setting, _ world: Communicator, _ console: RankConsole
  ) throws {
    (self.options, self.setting, self.world, self.console) = (options, setting, world, console)
    seconds = options.seconds ?? 0.2
    benchmark = try Benchmark(
      options, Tuning.candidates(setting, bytes: .max), setting, world)
  }

  /// Returns the algorithms and segment sizes that may be fastest for vectors of this number of bytes.
  static func candidates(_ setting: Setting, bytes: Int) -> [Contender] {
    let own = ReductionAlgorithm.all.filter { algorithm in
      AutomaticChoice.Path.allCases.contains {
        TuningTable.allows(algorithm, over: $0, hosts: setting.hosts)
      }
    }
    let usual = setting.hosts > 1 ? [16 << 10, 240 << 10] : [64 << 10, 1 << 20]
    return own.flatMap { algorithm in
      let others: [ReductionAlgorithm] =
        [.ring, .tree, .doubleTree, .halvingDoubling].contains(algorithm)
        ? usual.filter { $0 < bytes / 2 }.map { algorithm.segmented(bytes: $0) } : []
      return ([algorithm] + others).map { Contender.allReduce($0) }
    }.filter { $0.isOfInterest(hosts: setting.hosts, .full) }
  }

  /// Measures all sizes and returns the choices. Collective.
  mutating func run() throws -> TuningTable {
    var measured: [AutomaticChoice.Path: [MeasuredChoice.Size]] = [:]
    var before: (bytes: Int, secondsPerByte: Double)?
    for bytes in options.sizes {
      let candidates = Tuning.candidates(setting, bytes: bytes).filter { !hopeless.contains($0) }
      if let before, options.bytes == nil {
        let expected = before.secondsPerByte * Double(bytes)
        if expected > Tuning.longest(seconds) {
          console.note(
            "\(ByteCount(bytes).text) and above: left out, because it would take \(Int(expected.rounded(.up))) s; "
              + "automatic uses the best choice for \(ByteCount(before.bytes).text)")
          break
        }
      }
      let first = try benchmark.measure(
        bytes: bytes, candidates,
        Effort(
          warmup: 1, iterations: nil, seconds: 0.15 * seconds, calls: leastCalls.first...20))
      let near = near(first, within: bytes < 1 << 20 ? 1.5 : 1.25)
      if bytes >= 256 << 10 {
        hopeless.formUnion(Set(candidates).subtracting(self.near(first, within: 2)))
      }
      let second = try benchmark.measure(
        bytes: bytes, candidates.filter(near.contains),
        Effort(
          warmup: 1, iterations: nil, seconds: seconds, calls: leastCalls.second...20_000))
      before = (
        bytes,
        (first.roundSeconds * Double(1 + leastCalls.first)
          + second.roundSeconds * Double(1 + leastCalls.second)) / Double(bytes)
      )
      if let wrong = second.wrongResults.first { throw BenchError.wrongResult(wrong) }
      var words: [String] = []
      for path in AutomaticChoice.Path.allCases {
        let times = times(second, path)
        measured[path, default: []].append(MeasuredChoice.Size(bytes: bytes, seconds: times))
        if let best = times.min(by: { $0.value < $1.value }) {
          words.append("\(path) \(best.key) \(TableReport.time(best.value)) µs")
        }
      }
      console.note("\(ByteCount(bytes).text): \(words.joined(separator: ", "))")
    }
    return TuningTable(
      ranksPerHost: world.hosts.map(\.count), machine: setting.machine, date: today(),
      steps: measured.mapValues(MeasuredChoice.steps))
  }

  /// Returns the longest time, in seconds, that a size may take that was not asked for with `--bytes`.
  static func longest(_ seconds: Double) -> Double { 75 * seconds }

  /// Returns the times of the algorithms that a path allows. Algorithms that send messages take the same time wherever
  /// the vector is, so their times in arrays count for arenas too.
  private func times(
    _ result: SizeResult, _ path: AutomaticChoice.Path
  ) -> [ReductionAlgorithm: Double] {
    var times: [ReductionAlgorithm: Double] = [:]
    for row in result.rows {
      guard case .allReduce(let algorithm) = row.contender,
        TuningTable.allows(algorithm, over: path, hosts: setting.hosts)
      else { continue }
      let isForAny = TuningTable.allows(algorithm, over: .messages, hosts: setting.hosts)
      if isForAny || (row.buffers == .arena) == (path == .arena) { times[algorithm] = row.median }
    }
    return times
  }

  /// Returns the contenders that take at most `ratio` times as long as the fastest on some path.
  private func near(_ result: SizeResult, within ratio: Double) -> Set<Contender> {
    var near: Set<Contender> = []
    for path in AutomaticChoice.Path.allCases {
      let times = times(result, path)
      let fastest = times.values.min() ?? 0
      for (algorithm, time) in times where time <= ratio * fastest {
        near.insert(.allReduce(algorithm))
      }
    }
    return near
  }
}
