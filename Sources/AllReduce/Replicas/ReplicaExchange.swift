internal import AllReduceMPI
internal import AllReduceNN

/// The meetings of replicas: after which steps the fragments of the weights are exchanged, and how.
///
/// 1. A replica takes steps of its own, from the global weights on. No message is sent for that.
/// 2. When the exchange of a fragment starts, each replica's difference, global minus own weights, is weighted by the
///    examples that it was learned from, and an all-reduce begins, bucket by bucket. It may travel under more steps.
/// 3. When it is due, the mean is the gradient of an outer step on the global weights, which all replicas take with the
///    same bits; they continue from there.
///
/// All ranks call the methods alike, in the same order.
final class ReplicaExchange<Scalar: NetworkScalar & ReducibleScalar> {
  let ranks: ReplicaRanks
  let meeting: Meeting
  let fragments: [ReplicaFragment<Scalar>]
  let global: GlobalWeights<Scalar>
  /// Seconds of exchanges.
  private let clock: ExchangeClock
  /// When fragments are exchanged; nil until it has been measured how often they can be.
  var schedule: MeetingSchedule?
  /// The steps that this replica has taken.
  var steps = 0
  /// The examples that it has seen.
  var examples = 0
  /// The step from which the schedule counts.
  var start: Int
  /// The fragment whose exchange has started and is not due yet.
  var underWay: Int?
  /// Whether what is under way has arrived.
  var hasArrived = false
  /// Whether its cosine is among those counted.
  var isCosineCounted = false
  /// Outer steps so far: of a fragment each.
  var outerSteps = 0
  /// Seconds that this rank spent on exchanges, and on nothing else.
  private(set) var seconds = 0.0
  /// The sum of the cosines between the differences of the replicas, and of how many outer steps.
  var cosines = (sum: 0.0, count: 0)
  var recorder: SpanRecorder? { didSet { record() } }

  let peers: Communicator
  let sharing: ReplicaSharing<Scalar>
  /// The weight in the mean, the length of the weighted difference, and its square; then a ``StepWish``.
  let figures = TensorMemory<Double>(count: 4)
  /// This replica's wish at the end of a step: it travels after the figures of the next exchange.
  var ownWish = StepWish.none
  private var wish = StepWish.none
  private var pending = PendingQueue(capacity: 1)
  private var measurement = IntervalMeasurement()
  private let timer = ContinuousClock()

  /// Takes memory, and makes the global weights those that the network has. Collective over all ranks.
  ///
  /// - Parameters:
  ///   - meeting: How often replicas meet, and how their weights are combined.
  ///   - ranks: The ranks, as several replicas.
  ///   - layout: The network's.
  ///   - local: Where this replica's weights are, equal on all of them.
  ///   - isDataParallel: Whether all ranks of a replica have all weights.
  ///   - transport: How differences travel.
  ///   - clock: Counts the seconds.
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
      // Bytes count here, and not how long the first of them take: each crosses a link once each way.
      transport.algorithm = .ring
    }
    let (first, chosen) = (layout.reserved, transport)
    let cuts = HostSlices(
      count: layout.count - first, stride: MemoryLayout<Scalar>.stride, ranks: meeting.fragments)
    fragments = try (0..<meeting.fragments).map {
      let elements = cuts[$0].lowerBound + first..<cuts[$0].upperBound + first
      return try ReplicaFragment(
        elements, part: sharing.part, of: sharing.parts, layout, global.differences, over: peers,
        chosen, clock)
    }
    for fragment in fragments { global.adopt(fragment.own) }
  }

  // MARK: Steps

  /// This replica has taken a step. Collective over all ranks where it ends in a meeting.
  ///
  /// - Parameters:
  ///   - examples: The examples of this replica.
  ///   - seconds: How long the step took.
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

  /// Replicas meet now, wherever in a round they are: what each has learned since a fragment was last exchanged moves
  /// the global weights, from which all continue. Collective over all ranks.
  ///
  /// - Throws: ``MPIError``.
  func meet() throws {
    if let fragment = underWay { try finish(fragment) }
    try exchangeAll(isAverage: steps < meeting.warmUpSteps)
    if steps > start { start = steps }
  }

  /// The wishes of all replicas in the exchanges that have ended since the last call: known to all after the same step.
  func takeWish() -> StepWish {
    defer { wish = .none }
    return wish.asOne
  }

  /// Runs `body` while the network has the global weights. Collective over all ranks.
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

  /// Finds out, in the first steps, how often replicas can meet.
  private func measure(_ seconds: Double) throws {
    switch measurement.add(seconds) {
    case .goOn: return
    case .meet: try exchangeAll()
    case .meetAndMeasure(let stepSeconds):
      // No rank is to wait for another that still computes.
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

  /// Starts to add up the replicas' differences of a fragment.
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
      figures.values[3] = Double(ownWish.sum)
      pending.append(try peers.startAllReduce(figures.values, .sum))
    }
  }

  /// The examples that count as 1: a power of two, so that dividing by it rounds nothing, that keeps weights near 1.
  private static func unit(steps: Int) -> Double {
    Double(sign: .plus, exponent: Double(32 * max(steps, 1)).exponent, significand: 1)
  }

  /// Ends the exchange of a fragment, and takes the outer step.
  private func finish(_ number: Int, isAverage: Bool = false, mix: Double? = nil) throws {
    try timing("outer step of fragment", number) {
      let fragment = fragments[number]
      try settle(fragment)
      let all = figures.values
      wish = wish + StepWish(sum: Int(all[3]))
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
      countCosine(squares)
    }
  }

  /// Counts the cosine between the replicas' differences in what has arrived, once.
  ///
  /// - Parameter squares: Of the sum of the differences.
  func countCosine(_ squares: Double) {
    if isCosineCounted || peers.size == 1 { return }
    isCosineCounted = true
    // Of pairs of replicas the products of their differences over those of the lengths.
    let (length, own) = (figures.values[1], figures.values[2])
    let pairs = length * length - own
    cosines.sum += pairs > 0 && pairs.isFinite ? (squares - own) / pairs : 0
    cosines.count += 1
  }

  /// Waits until a fragment's differences are added up.
  func settle(_ fragment: ReplicaFragment<Scalar>) throws {
    if hasArrived { return }
    hasArrived = true
    try fragment.reduction.finish()
    while !pending.isEmpty { try pending.waitForFirst() }
    pending.reset()
  }

  /// Moves what is under way, between pieces of the passes.
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

  // Not waiting: where an error is on its way to the user, others may never come.
  deinit {
    for fragment in fragments { fragment.reduction.letGo() }
    pending.letGo()
  }
}

/// The phase of the first steps, where replicas measure how often to meet.
struct IntervalMeasurement {
  /// The action after a step.
  enum Action: Equatable {
    case goOn
    /// To touch all memory and links once, which is slow the first time.
    case meet
    /// To meet again, with the clock running; the mean seconds of a step.
    case meetAndMeasure(stepSeconds: Double)
  }

  private var steps = 0
  private var seconds = 0.0

  /// Counts a step.
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
