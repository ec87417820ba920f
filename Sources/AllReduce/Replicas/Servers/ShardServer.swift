package import AllReduceMPI
package import AllReduceNN

/// An event at a server; for tests.
package enum ServerEvent: Sendable {
  /// A worker's push or tick has advanced its clock to `clock`.
  case pushed(worker: Int, clock: Int, staleness: Int)
  /// A worker was sent weights that it first uses at `clock`; `slowest` was then the lowest clock of the workers that
  /// had not ended (nil if all had).
  case read(worker: Int, clock: Int, slowest: Int?)
}

/// How batches are assigned to workers.
package enum BatchHandout: Sendable {
  /// A worker that asks gets the next batch, so a worker that is twice as fast computes twice the number of batches.
  case onDemand
  /// Each worker gets its own batch of every step, so that the batches of one clock are the batches of one step.
  case inTurn
  /// The first worker gets all batches.
  case solo
}

/// A parameter server: applies pushes as they arrive, and sends weights and batch numbers to workers that ask.
///
/// The requests of one worker are served in order, except that a read that the staleness bound delays does not block
/// later requests. The server sleeps while it has nothing to do, and signals to waiting workers that it is alive.
package final class ShardServer<Scalar: NetworkScalar & ReducibleScalar> {
  package let shard: ServedShard<Scalar>
  package var log: ((ServerEvent) -> Void)?
  /// Returns this rank's request to save or stop at the end of a step; called whenever a batch is handed out.
  var ownRequest: () -> StepRequest = { .none }
  /// The combined request of all ranks in this segment, as the server that hands out batches has received it.
  private(set) var stepRequest = StepRequest.none
  /// The batch after the last one of the segment, which ends early if a rank has a request to save or stop.
  var end: Int { batches.upperBound }

  private let link: Communicator
  private let roles: ServerRoles
  /// Keeps the memory of the buffers alive.
  private let memory: WorkerMemory<Scalar>
  private var peers: [Peer]
  private var batches = 0..<0
  private var first = 0
  private var handout = BatchHandout.onDemand
  private var bound: Int?
  private var words = [Int64](repeating: 0, count: ServerRequest.wordCount)
  private var nextSign: UInt64 = 0

  /// What a server knows about one worker.
  private struct Peer {
    /// The worker's buffers; nil if this server cannot access them directly.
    let near: WorkerBuffers<Scalar>?
    /// For a worker whose buffers are out of reach, the memory that its pushes arrive in and (`leaving`) that its
    /// weights are sent from.
    let arriving: TensorMemory<Scalar>?
    let leaving: TensorMemory<Scalar>?
    var inbox: [ServerRequest] = []
    /// The push that is being received; nil if there is none.
    var transfer: (any InFlight)?
    /// The transfer of weights to the worker that is in flight; nil if there is none.
    var sending: (any InFlight)?
    /// A read that the staleness bound delays.
    var read: ServerRequest?
    /// The number of batches that the worker has been handed in this segment.
    var batches = 0
    /// The number of the worker's pushes and ticks in this segment.
    var clock = 0
    /// The clock for which the worker last got weights; -1 before its first read.
    var readClock = -1
    var hasEnded = false
    /// The time of the worker's last sign of life, in nanoseconds.
    var heard: UInt64 = 0
  }

  /// Creates the server of a shard. Local: sends no messages.
  package init(
    _ shard: ServedShard<Scalar>, _ roles: ServerRoles, _ memory: WorkerMemory<Scalar>,
    over link: Communicator
  ) {
    (self.shard, self.roles, self.memory, self.link) = (shard, roles, memory, link)
    peers = roles.workers.map { worker in
      let near = memory.buffers(of: worker, isOwn: false)
      return Peer(
        near: near, arriving: near == nil ? TensorMemory(count: shard.range.count) : nil,
        leaving: near == nil ? TensorMemory(count: shard.range.count) : nil)
    }
  }

  /// Serves requests until all workers have ended their part of a segment and every push has been applied.
  ///
  /// - Parameters:
  ///   - batches: The numbers of the batches to hand out.
  ///   - handout: How batches are assigned to workers.
  ///   - bound: The staleness bound in clocks; nil for none. With a bound, the weights for a clock also lack all
  ///     updates from more than this number of clocks later.
  /// - Throws: ``MPIError``.
  package func serve(
    _ batches: Range<Int>, handout: BatchHandout = .onDemand, bound: Int? = nil
  ) throws {
    (self.batches, self.handout, self.bound) = (batches, handout, bound)
    (first, stepRequest) = (batches.lowerBound, .none)
    let now = monotonicNanoseconds()
    for worker in peers.indices {
      (peers[worker].batches, peers[worker].clock, peers[worker].readClock) = (0, 0, -1)
      (peers[worker].hasEnded, peers[worker].heard) = (false, now)
    }
    var wait = PatientWait(on: link)
    while !isOver {
      var hasMoved = try takeRequests()
      for worker in peers.indices {
        while try serveNext(worker) { hasMoved = true }
      }
      if hasMoved {
        wait.wake()
      } else {
        try showLife()
        let silent = quietest
        wait.rest(
          heard: silent.map { peers[$0].heard } ?? monotonicNanoseconds(),
          of: silent.map { [$0] } ?? [], "a parameter server's wait for its workers")
      }
    }
    for worker in roles.workers { try reply(ServerReply(.over), to: worker) }
  }

  private var isOver: Bool {
    peers.allSatisfy { $0.hasEnded && $0.inbox.isEmpty && $0.read == nil && $0.sending == nil }
  }

  /// The worker, of those that have not ended, that has been silent for the longest time.
  private var quietest: Int? {
    peers.indices.filter { !peers[$0].hasEnded }.min { peers[$0].heard < peers[$1].heard }
  }

  private func takeRequests() throws -> Bool {
    var hasTaken = false
    while let message = try link.probeIfAvailable(tag: ServerTag.request) {
      try link.receive(into: &words, from: message.source, tag: ServerTag.request)
      guard let request = ServerRequest(words: words), message.source < peers.count else {
        preconditionFailure("rank \(message.source) sent a server no request: \(words)")
      }
      peers[message.source].heard = monotonicNanoseconds()
      if request.kind != .alive { peers[message.source].inbox.append(request) }
      hasTaken = true
    }
    return hasTaken
  }

  /// Serves a worker's oldest request, if possible. Returns whether anything was done.
  private func serveNext(_ worker: Int) throws -> Bool {
    if let sending = peers[worker].sending, try link.hasEnded(sending) {
      peers[worker].sending = nil
    }
    if let read = peers[worker].read, try give(read, to: worker) {
      peers[worker].read = nil
      return true
    }
    guard let request = peers[worker].inbox.first else { return false }
    switch request.kind {
    case .push:
      guard !isAhead(request, of: worker), try take(request, of: worker) else { return false }
    case .tick: advanceClock(of: worker, staleness: 0)
    case .read: if try !give(request, to: worker) { peers[worker].read = request }
    case .claim:
      hear(StepRequest(sum: request.number) + ownRequest())
      try handOutBatch(to: worker)
    case .end: peers[worker].hasEnded = true
    case .alive: break
    }
    peers[worker].inbox.removeFirst()
    return true
  }

  // MARK: Pushes

  /// Whether the staleness bound delays a push, because another worker has yet to read the weights for an earlier clock
  /// that must not include the push. With a bound of 0, the weights for a clock have all pushes of the clocks before,
  /// and none later.
  private func isAhead(_ push: ServerRequest, of worker: Int) -> Bool {
    guard let bound else { return false }
    return peers.indices.contains {
      $0 != worker && !peers[$0].hasEnded && peers[$0].readClock < push.number - 1 - bound
    }
  }

  /// Applies a push if it has arrived completely. Returns whether it was applied.
  private func take(_ push: ServerRequest, of worker: Int) throws -> Bool {
    let values: UnsafePointer<Scalar>
    if let near = peers[worker].near {
      values = UnsafePointer(near.pushes[push.buffer] + shard.range.lowerBound)
      TrafficCounters.ofProcess.pointee.addMemory(
        shard.range.count * MemoryLayout<Scalar>.stride)
    } else {
      guard let arriving = peers[worker].arriving?.values else { return false }
      let transfer =
        peers[worker].transfer
        ?? link.startTransfer(
          into: UnsafeMutableRawBufferPointer(arriving), from: worker, tag: ServerTag.push)
      peers[worker].transfer = transfer
      guard try link.hasEnded(transfer) else { return false }
      peers[worker].transfer = nil
      values = UnsafePointer(arriving.baseAddress.unsafelyUnwrapped)
    }
    precondition(
      push.number == peers[worker].clock + 1,
      "push \(push.number) of worker \(worker) came after \(peers[worker].clock)")
    let staleness = shard.apply(
      values, of: worker, seen: push.seen, rate: push.rate, scale: push.scale)
    advanceClock(of: worker, staleness: staleness)
    try reply(ServerReply(.applied, number: push.number, others: staleness), to: worker)
    return true
  }

  private func advanceClock(of worker: Int, staleness: Int) {
    peers[worker].clock += 1
    log?(.pushed(worker: worker, clock: peers[worker].clock, staleness: staleness))
  }

  // MARK: Reads

  /// Sends a worker the weights, if the staleness bound allows it and the weights sent to it before have left. Returns
  /// whether it did.
  private func give(_ read: ServerRequest, to worker: Int) throws -> Bool {
    let slowest = peers.filter { !$0.hasEnded }.map(\.clock).min()
    guard slowest ?? .max >= read.need, peers[worker].sending == nil else { return false }
    log?(.read(worker: worker, clock: read.number, slowest: slowest))
    peers[worker].readClock = read.number
    shard.willRead(worker)
    let (source, range) = (shard.weights.baseAddress.unsafelyUnwrapped, shard.range)
    let answer = ServerReply(
      .weights, number: shard.version, others: shard.others(than: worker),
      included: peers[worker].clock)
    if let near = peers[worker].near {
      (near.weights + range.lowerBound).update(from: source, count: range.count)
      TrafficCounters.ofProcess.pointee.addMemory(range.count * MemoryLayout<Scalar>.stride)
      try reply(answer, to: worker)
    } else if let leaving = peers[worker].leaving?.values {
      // Sends a copy, because the weights may change while the transfer is in flight.
      _ = leaving.update(fromContentsOf: shard.weights)
      try reply(answer, to: worker)
      peers[worker].sending = try link.startTransfer(
        of: UnsafeRawBufferPointer(leaving), to: worker, tag: ServerTag.weights)
    }
    return true
  }

  /// Records a request to save or stop. From then on no further step begins: the segment ends when all batches of the
  /// steps begun so far are computed.
  private func hear(_ heard: StepRequest) {
    guard heard.saves else { return }
    if !stepRequest.saves {
      let workers = peers.count
      let begun =
        handout == .inTurn
        ? (peers.map(\.batches).max() ?? 0)
        : (batches.lowerBound - first + workers - 1) / workers
      batches = batches.lowerBound..<min(first + begun * workers, batches.upperBound)
    }
    stepRequest = (stepRequest + heard).asOne
  }

  private func handOutBatch(to worker: Int) throws {
    var number = batches.upperBound
    switch handout {
    case .onDemand, .solo:
      if handout == .solo, worker > 0 { break }
      number = batches.lowerBound
      batches = batches.dropFirst()
    case .inTurn:
      number = batches.lowerBound + peers[worker].batches * peers.count + worker
      peers[worker].batches += 1
    }
    let isThere = number < batches.upperBound
    try reply(ServerReply(.batch, number: isThere ? number : -1), to: worker)
  }

  // MARK: Signs of life

  /// Signals from time to time to waiting workers that the server is alive, unless all workers wait.
  private func showLife() throws {
    guard let deadline = Deadline.seconds else { return }
    let now = monotonicNanoseconds()
    guard now >= nextSign else { return }
    nextSign = now + UInt64(deadline / 8 * 1e9)
    // If all workers wait, none of them can make progress: the deadline must be allowed to pass.
    guard peers.indices.contains(where: { !peers[$0].hasEnded && !isHeld($0) }) else { return }
    for worker in roles.workers where peers[worker].hasEnded || isHeld(worker) {
      try reply(ServerReply(.alive), to: worker)
    }
  }

  /// Whether a worker waits until other workers have come further, with a read or a push.
  private func isHeld(_ worker: Int) -> Bool {
    if peers[worker].read != nil { return true }
    guard let first = peers[worker].inbox.first, first.kind == .push else { return false }
    return isAhead(first, of: worker)
  }

  private func reply(_ reply: ServerReply, to worker: Int) throws {
    var reply = reply
    reply.stepRequest = ownRequest()
    try link.send(reply.words, to: worker, tag: ServerTag.reply)
  }
}
