import AllReduce
import ExampleSupport

/// Finds out what `automatic` should take on these ranks, for `--tune`.
///
/// At each size all candidates are measured briefly; those near the fastest take turns for long enough. What
/// is much slower for large vectors is not tried for still larger ones, and sizes that would take too long are
/// left out unless they were asked for.
struct Tuning<Scalar: BenchScalar> {
  private let options: BenchOptions
  private let setting: Setting
  private let world: Communicator
  private let console: RankConsole
  private let benchmark: Benchmark<Scalar>
  private let seconds: Double
  private var hopeless: Set<Contender> = []
  /// The least measured calls: of each candidate at first, and then of those near the fastest. One more of
  /// each comes before, to warm up.
  private let leastCalls = (first: 2, second: 3)

  /// Collective.
  init(
    _ options: BenchOptions, _ setting: Setting, _ world: Communicator, _ console: RankConsole
  ) throws {
    (self.options, self.setting, self.world, self.console) = (options, setting, world, console)
    seconds = options.seconds ?? 0.2
    benchmark = try Benchmark(
      options, Tuning.candidates(setting, bytes: .max), setting, world)
  }

  /// The algorithms and segments that may be fastest for such vectors.
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

  /// Measures all sizes. Collective.
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

  /// How long a size may take that was not asked for by name.
  static func longest(_ seconds: Double) -> Double { 75 * seconds }

  /// The times of what a path allows. Messages do not care where the vector lies, so what was measured in
  /// arrays counts for arenas too.
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

  /// The contenders that take at most `ratio` times as long as the fastest of a path.
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
