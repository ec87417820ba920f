import AllReduce
import ExampleSupport

/// Measures the contenders at one size after the other, in buffers that are allocated once.
final class Benchmark<Scalar: BenchScalar> {
  private let options: BenchOptions
  private let setting: Setting
  private let world: Communicator
  private let startLine: StartLine
  // Copies of the options, as reading an option takes longer than a small all-reduce.
  private let operation: ReductionOperation
  private let wireFormat: WireFormat
  private let inPlace: Bool
  private let verify: Bool
  private let falsify: Int?
  private let known: KnownReduction<Scalar>
  /// The buffer in which results are reduced outside an arena.
  private let results: UnsafeMutableBufferPointer<Scalar>
  /// A buffer for a rank's elements if they are not reduced in place, and for the copies of the yardstick `memcpy`.
  private let others: UnsafeMutableBufferPointer<Scalar>
  /// The arena in which results are reduced if contenders are measured in an arena.
  private let arena: Arena<Scalar>
  private let limit: LimitYardstick<Scalar>?
  private let wire: WireYardstick?
  private let contenders: [Contender]
  /// Whether all ranks are on one host, so that the yardstick `limit` adds up the elements of all ranks.
  private let limitReachesAll: Bool
  /// Whether results are known exactly when elements are sent in the wire format that was asked for.
  private let isExact: Bool
  private var calls = 0

  /// Allocates the buffers for the largest size. Collective. `contenders` are those that can run here.
  init(
    _ options: BenchOptions, _ contenders: [Contender], _ setting: Setting, _ world: Communicator
  ) throws {
    self.contenders = contenders
    self.options = options
    self.setting = setting
    self.world = world
    operation = options.operation
    wireFormat = options.wireFormat
    isExact = options.isExactInWireFormat(ranks: world.size)
    inPlace = options.inPlace
    verify = options.verify
    limitReachesAll = world.hosts.count == 1
    falsify = options.falsify
    let count = (options.sizes.max() ?? 0) / MemoryLayout<Scalar>.stride
    results = Self.allocate(count)
    let needs = Needs(options, contenders)
    others = Self.allocate(needs.others ? count : 0)
    arena = try Arena(count: needs.arena ? count : 0, over: world)
    limit =
      contenders.contains(.limit) ? try LimitYardstick(arena, setting, world) : nil
    wire = contenders.contains(.tcp) ? try WireYardstick(world) : nil
    known = KnownReduction(
      options.operation, rank: world.rank, size: world.size, seed: options.seed)
    startLine = try StartLine(setting, world)
  }

  deinit {
    results.deallocate()
    others.deallocate()
  }

  /// Allocates memory that begins at a page boundary, and touches every page.
  private static func allocate(_ count: Int) -> UnsafeMutableBufferPointer<Scalar> {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count * MemoryLayout<Scalar>.stride, alignment: 4096)
    let buffer = bytes.bindMemory(to: Scalar.self)
    buffer.initialize(repeating: 0)
    return buffer
  }

  /// Measures all contenders at one size, or only those in `contenders` if it is given. Collective.
  func measure(
    bytes: Int, _ contenders: [Contender]? = nil, _ effort: Effort? = nil
  ) throws -> SizeResult {
    let count = bytes / MemoryLayout<Scalar>.stride
    let effort = effort ?? Effort(options, bytes: bytes)
    let lineup = Lineup(
      contenders ?? self.contenders, options.buffers, in: world, count: count, of: Scalar.self,
      wireFormat: wireFormat, seed: options.seed)
    var samples = Samples(contenders: lineup.entries.count)

    var roundSeconds = Double.infinity
    for round in 0..<effort.warmup {
      let start = monotonicNanoseconds()
      try run(round: round, lineup, count, &samples)
      // The first round takes longer, because it also creates schedules and touches fresh memory.
      roundSeconds = min(roundSeconds, Double(monotonicNanoseconds() - start) / 1e9)
    }
    samples.forgetTimes()
    var longest = [roundSeconds]
    try world.allReduce(&longest, .maximum, using: .native)
    let rounds = effort.rounds(roundSeconds: longest[0], contenders: lineup.entries.count)
    samples.reserve(rounds)
    for round in 0..<rounds { try run(round: round, lineup, count, &samples) }

    let total = try samples.combined(in: world, sharesClock: setting.sharesClock)
    let rows = try lineup.entries.indices.map { index in
      let entry = lineup.entries[index]
      let isChecked = options.verify && !entry.contender.isYardstick && isChecked(entry.contender)
      let isWrong = total.isWrong[index]
      return SizeResult.Row(
        entry, travelling(entry.contender), seconds: total.seconds(of: index), bytes: bytes,
        ranks: world.size,
        isCorrect: isChecked ? !isWrong : nil,
        wrongResult: isWrong
          ? try wrongResult(entry, bytes, samples.errors[index]) : nil)
    }
    return SizeResult(bytes: bytes, rows: rows, roundSeconds: longest[0])
  }

  private func run(
    round: Int, _ lineup: Lineup, _ count: Int, _ samples: inout Samples
  ) throws {
    let settling = Effort.settlingCalls(
      bytes: count * MemoryLayout<Scalar>.stride, hosts: setting.hosts)
    for index in lineup.order(round: round) {
      for _ in 0..<settling {
        try call(lineup.entries[index], index, count, &samples, counts: false)
      }
      try call(lineup.entries[index], index, count, &samples, counts: true)
    }
  }

  /// Runs one call: rewrites this rank's elements, starts together with the other ranks, and checks the result.
  private func call(
    _ entry: Lineup.Entry, _ index: Int, _ count: Int, _ samples: inout Samples, counts: Bool
  ) throws {
    calls += 1
    let isInArena = entry.buffers == .arena
    let result = UnsafeMutableBufferPointer(
      rebasing: (isInArena ? arena.values : results)[..<count])
    let other = UnsafeMutableBufferPointer(rebasing: others[..<min(count, others.count)])
    let start: (instant: UInt64, late: UInt64)
    switch entry.contender {
    case .memcpy:
      known.write(to: result, call: calls)
      start = try startLine.wait()
      copy(from: result, to: other)
    case .limit:
      known.write(to: result, call: calls)
      start = try startLine.wait()
      limit?.run(count: count)
    case .tcp:
      start = try startLine.wait()
      try wire?.run(bytes: count * MemoryLayout<Scalar>.stride)
    case .allReduce(let algorithm):
      known.write(to: inPlace ? result : other, call: calls)
      start = try startLine.wait()
      if !inPlace { copy(from: other, to: result) }
      if isInArena {
        try world.allReduce(arena[0..<count], operation, using: algorithm, wireFormat: wireFormat)
      } else {
        if algorithm == .native {
          try world.allReduceBare(result, operation)
        } else {
          try world.allReduce(result, operation, using: algorithm, wireFormat: wireFormat)
        }
      }
    }
    let end = monotonicNanoseconds()
    if counts { samples.add(index, start: start.instant, end: end, late: start.late) }

    guard verify, isChecked(entry.contender) else { return }
    if falsify == world.rank { result[count / 2] += 1 }
    if samples.errors[index] == nil, let wrong = known.firstError(in: result, call: calls) {
      samples.errors[index] =
        "element \(wrong) of \(count) on rank \(world.rank) is \(result[wrong]), "
        + "and should be \(known.expected(at: wrong, call: calls))."
    }
  }

  /// Whether the contender's result is known, so that it can be checked. The yardstick `limit` is checked too, because
  /// it would be no yardstick if it did not do all the work.
  private func isChecked(_ contender: Contender) -> Bool {
    switch contender {
    case .allReduce: isExact || travelling(contender) == .full
    case .limit: operation == .sum && limitReachesAll
    case .memcpy, .tcp: false
    }
  }

  /// Returns the format in which a contender sends elements.
  private func travelling(_ contender: Contender) -> WireFormat {
    contender.wireFormat(wireFormat, hosts: setting.hosts)
  }

  private func copy(
    from source: UnsafeMutableBufferPointer<Scalar>, to target: UnsafeMutableBufferPointer<Scalar>
  ) {
    UnsafeMutableRawBufferPointer(target).copyMemory(from: UnsafeRawBufferPointer(source))
  }

  /// Collects the error of the lowest rank that found a wrong element. Collective.
  private func wrongResult(
    _ entry: Lineup.Entry, _ bytes: Int, _ error: String?
  ) throws -> WrongResult {
    var lowest = [Int32(error == nil ? world.size : world.rank)]
    try world.allReduce(&lowest, .minimum, using: .native)
    return WrongResult(
      algorithm: entry.contender.name, bytes: bytes, type: options.type,
      operation: operation,
      place: try world.broadcast(error ?? "", from: Int(lowest[0])))
  }
}
