internal import AllReduceMPI
internal import AllReduceNN

/// Synchronizes replicas: decides after which steps the fragments of the weights are exchanged, and exchanges them.
///
/// 1. Each replica takes steps of its own, starting from the global weights. This sends no messages between replicas.
/// 2. When the exchange of a fragment starts, each replica computes the difference, global minus own weights, weights
///    it by the number of examples since the last exchange, and starts an all-reduce of it, bucket by bucket. The
///    all-reduce may be in flight during further steps.
/// 3. When the fragment is due, the mean of the differences is the gradient of an outer step on the global weights. All
///    replicas take this step with bitwise identical results, and continue from the new global weights.
///
/// All ranks must call the same methods in the same order.
final class ReplicaExchange<Scalar: NetworkScalar & ReducibleScalar> {
  let ranks: ReplicaRanks
  let meeting: Meeting
  let fragments: [ReplicaFragment<Scalar>]
  let global: GlobalWeights<Scalar>
  /// Measures the seconds of exchanges.
  private let clock: ExchangeClock
  /// When fragments are exchanged; nil until the interval has been measured.
  var schedule: MeetingSchedule?
  /// The number of steps that this replica has taken.
  var steps = 0
  /// The number of examples that this replica has trained on.
  var examples = 0
  /// The step from which the schedule counts.
  var start: Int
  /// The fragment whose exchange has started and is not due yet; nil if there is none.
  var underWay: Int?
  /// Whether the exchange that was started last has completed.
  var hasArrived = false
  /// Whether the cosine of the exchange that was started last is included in ``cosines``.
  var isCosineCounted = false
  /// The number of outer steps so far; each is of one fragment.
  var outerSteps = 0
  /// The seconds that this rank spent on exchanges only, and not on computation at the same time.
  private(set) var seconds = 0.0
  /// The sum of the cosines between the differences of the replicas, and the number of outer steps in the sum.
  var cosines = (sum: 0.0, count: 0)
  var recorder: SpanRecorder? { didSet { record() } }

  let peers: Communicator
  let sharing: ReplicaSharing<Scalar>
  /// The buffer of a small all-reduce per exchange: this replica's weight in the mean, the length of its weighted
  /// difference, the square of that length, and a ``StepRequest``.
  let figures = TensorMemory<Double>(count: 4)
  /// This replica's request at the end of a step (to save or to stop), which is sent with ``figures`` in the next
  /// exchange.
  var ownRequest = StepRequest.none
  private var stepRequest = StepRequest.none
  private var pending = PendingQueue(capacity: 1)
  private var measurement = IntervalMeasurement()
  private let timer = ContinuousClock()

  /// Allocates memory, and sets the global weights to the network's. Collective over all ranks. Nil where all ranks
  /// train synchronously.
  ///
  /// - Parameters:
  ///   - meeting: How often replicas synchronize, and how their weights are combined.
  ///   - ranks: The ranks, divided into replicas.
  ///   - layout: The layout of the network's parameters.
  ///   - local: The memory of this replica's weights, which are equal on all replicas.
  ///   - isDataParallel: Whether every rank of a replica has all weights.
  ///   - transport: How differences are sent.
  ///   - clock: Measures the seconds of exchanges.
  /// - Throws: ``AgreedError``; ``MPIError``.
  init?(
    _ meeting: Meeting, _ ranks: ReplicaRanks, _ layout: ParameterLayout<Scalar>,
    _ local: ParameterMemory<Scalar>, isDataParallel: Bool, _ transport: GradientTransport,
    _ clock: ExchangeClock
  ) throws {
    guard let peers = ranks.peers else { return nil }
    (self.meeting, self.ranks, self.peers, self.clock) = (meeting, ranks, peers, clock)
    schedule = MeetingSchedule(meeting)
    start = meeting.warmUpSteps
    let sharing = ReplicaSharing(ranks.own, isDataParallel: isDataParallel, local)
    self.sharing = sharing
    let global = try GlobalWeights(layout, local, meeting.rule, over: peers)
    self.global = global
    var transport = transport
    if peers.hosts.count == peers.size, transport.algorithm == .automatic {
      // Bandwidth matters here, and not latency: in a ring, each byte crosses a link once in each direction.
      transport.algorithm = .ring
    }
    let (first, chosen) = (layout.reserved, transport)
    // The ranks of a replica may have shards of different sizes behind the weights that all of them have, which must be
    // cut at the same places.
    let most = try ranks.own.allGatherNatively(layout.count).max() ?? layout.count
    let cuts = HostSlices(
      count: most - first, stride: MemoryLayout<Scalar>.stride, ranks: meeting.fragments)
    fragments = try (0..<meeting.fragments).map {
      let elements = (cuts[$0].lowerBound + first..<cuts[$0].upperBound + first).clamped(
        to: first..<layout.count)
      return try ReplicaFragment(
        elements, part: sharing.part, of: sharing.parts, layout, global.differences, over: peers,
        chosen, clock)
    }
    for fragment in fragments { global.adopt(fragment.own) }
  }

  // MARK: Steps

  /// Counts a step that this replica has taken, and finishes or starts the exchange that is due after it. Collective
  /// over all ranks if an exchange starts or finishes after the step.
  ///
  /// - Parameters:
  ///   - examples: The number of examples in this replica's step.
  ///   - seconds: The seconds that the step took.
  /// - Throws: ``MPIError``.
  func endStep(examples: Int, seconds: Double) throws {
    steps += 1
    self.examples += examples
    if steps <= meeting.warmUpSteps { return try exchangeAll(isAverage: true) }
    guard let schedule else { return try measure(seconds) }
    let now = steps - start
    if let fragment = underWay, now % schedule.turn == 0 { try finish(fragment) }
    guard let fragment = schedule.fragment(startingAfter: now) else { return }
    try begin(fragment)
    underWay = fragment
    if schedule.overlap == 0 { try finish(fragment) }
  }

  /// Synchronizes the replicas now, at any point of a round: what each replica has learned since a fragment was last
  /// exchanged updates the global weights, from which all replicas continue. Collective over all ranks.
  ///
  /// - Throws: ``MPIError``.
  func meet() throws {
    if let fragment = underWay { try finish(fragment) }
    try exchangeAll(isAverage: steps < meeting.warmUpSteps)
    if steps > start { start = steps }
  }

  /// Returns the combined request of all replicas in the exchanges completed since the last call, and resets it. All
  /// ranks get the same request after the same step.
  func takeStepRequest() -> StepRequest {
    defer { stepRequest = .none }
    return stepRequest.asOne
  }

  /// Runs `body` while the network has the global weights instead of this replica's own. Collective over all ranks.
  func withGlobalWeights<Result>(_ body: () throws -> Result) throws -> Result {
    try change()
    let result = try body()
    try change()
    return result
  }

  private func change() throws {
    try sharing.wait()
    for fragment in fragments {
      global.swap(fragment.own)
      try sharing.spread(fragment.elements)
    }
  }

  private func exchangeAll(isAverage: Bool = false) throws {
    for (number, fragment) in fragments.enumerated() where fragment.stepsTaken < steps {
      try begin(number)
      try finish(number, isAverage: isAverage, mix: 0)
    }
  }

  /// Measures, during the first steps, how often replicas can synchronize.
  private func measure(_ seconds: Double) throws {
    switch measurement.add(seconds) {
    case .goOn: return
    case .meet: try exchangeAll()
    case .meetAndMeasure(let stepSeconds):
      // This all-reduce also waits for ranks that still compute, so that the measurement does not.
      var slowest = [stepSeconds, 0]
      try ranks.world.allReduce(&slowest, .maximum)
      let from = timer.now
      try exchangeAll()
      slowest[1] = (timer.now - from) / .seconds(1)
      try ranks.world.allReduce(&slowest, .maximum)
      schedule = MeetingSchedule(
        stepSeconds: slowest[0], exchangeSeconds: slowest[1], fragments: meeting.fragments,
        overlap: meeting.overlapSteps)
      start = steps
    }
  }

  // MARK: An exchange

  /// Computes this replica's difference of a fragment, and starts the all-reduce that sums the replicas' differences.
  private func begin(_ number: Int) throws {
    try timing("differences of fragment", number) {
      let fragment = fragments[number]
      let weight =
        Double(examples - fragment.examplesTaken)
        / ReplicaExchange.unit(steps: steps - fragment.stepsTaken)
      (fragment.examplesTaken, fragment.stepsTaken) = (examples, steps)
      (hasArrived, isCosineCounted) = (false, false)
      let reduction = fragment.reduction
      reduction.begin()
      var squares = 0.0
      for bucket in reduction.ranges {
        squares += global.takeDifference(bucket, weight: weight)
        try reduction.isReady(bucket)
      }
      figures.values[0] = weight
      figures.values[1] = weight * squares.squareRoot()
      figures.values[2] = weight * weight * squares
      figures.values[3] = Double(ownRequest.sum)
      pending.append(try peers.startAllReduce(figures.values, .sum))
    }
  }

  /// Returns the number of examples that has weight 1 in the mean: a power of two, so that dividing by it is exact,
  /// that keeps weights near 1.
  private static func unit(steps: Int) -> Double {
    Double(sign: .plus, exponent: Double(32 * max(steps, 1)).exponent, significand: 1)
  }

  /// Completes the exchange of a fragment, and takes the outer step.
  private func finish(_ number: Int, isAverage: Bool = false, mix: Double? = nil) throws {
    try timing("outer step of fragment", number) {
      let fragment = fragments[number]
      try settle(fragment)
      let all = figures.values
      stepRequest = stepRequest + StepRequest(sum: Int(all[3]))
      let step =
        all[0] > 0
        ? OptimizerStep(
          number: outerSteps + 1, learningRate: isAverage ? 1 : meeting.rate,
          gradientScale: 1 / all[0]) : nil
      let squares = global.move(
        fragment.own, step, isAverage: isAverage, mix: mix ?? meeting.mix)
      try sharing.spread(fragment.elements)
      underWay = nil
      outerSteps += 1
      // Not of the single steps of a warm-up, nor of those before the interval is known.
      if !isAverage, schedule != nil { countCosine(squares) }
    }
  }

  /// Adds the cosine between the replicas' differences in the completed exchange to ``cosines``, once per exchange.
  ///
  /// - Parameter squares: The sum of the squares of the summed differences.
  func countCosine(_ squares: Double) {
    if isCosineCounted || peers.size == 1 { return }
    isCosineCounted = true
    // The dot products of the differences, summed over all pairs of replicas, over the products of their lengths.
    let (length, own) = (figures.values[1], figures.values[2])
    let pairs = length * length - own
    cosines.sum += pairs > 0 && pairs.isFinite ? (squares - own) / pairs : 0
    cosines.count += 1
  }

  /// Waits until the sum of the replicas' differences of a fragment has arrived.
  func settle(_ fragment: ReplicaFragment<Scalar>) throws {
    if hasArrived { return }
    hasArrived = true
    try fragment.reduction.finish()
    while !pending.isEmpty { try pending.waitForFirst() }
    pending.reset()
  }

  /// Makes progress on the exchange in flight; called between pieces of the forward and backward passes.
  func makeProgress() throws {
    guard let underWay, !hasArrived else { return }
    let before = clock.times.busySeconds
    try fragments[underWay].reduction.makeProgress()
    seconds += clock.times.busySeconds - before
  }

  private func timing(_ name: String, _ number: Int, _ body: () throws -> Void) rethrows {
    let (from, start) = (timer.now, recorder.map { _ in SpanRecorder.now() })
    try body()
    if let start, let recorder { recorder.add(recorder.name(name), from: start, detail: number) }
    seconds += (timer.now - from) / .seconds(1)
  }

  private func record() {
    for fragment in fragments { fragment.reduction.record(recorder) }
  }

  // Releases the exchanges without waiting: after an error, other ranks may never take part in them.
  deinit {
    for fragment in fragments { fragment.reduction.letGo() }
    pending.letGo()
  }
}

/// Measures, in the first steps, how often replicas can synchronize.
struct IntervalMeasurement {
  /// What replicas do after a step.
  enum Action: Equatable {
    case goOn
    /// Synchronize once, to touch all memory and all links, which is slow the first time.
    case meet
    /// Synchronize again and measure the time. `stepSeconds` is the mean number of seconds of a step.
    case meetAndMeasure(stepSeconds: Double)
  }

  private var steps = 0
  private var seconds = 0.0

  /// Counts a step, and returns what to do after it.
  mutating func add(_ stepSeconds: Double) -> Action {
    steps += 1
    if steps > StepTimes.warmUp { seconds += stepSeconds }
    switch steps {
    case StepTimes.warmUp: return .meet
    case 2 * StepTimes.warmUp:
      return .meetAndMeasure(stepSeconds: seconds / Double(StepTimes.warmUp))
    default: return .goOn
    }
  }
}
