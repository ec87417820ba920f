package import AllReduceMPI
package import AllReduceNN

/// The versions of the weights that a worker has read, by shard.
package struct WeightsRead: Equatable {
  /// For each shard, its version.
  package var versions: [Int]
  /// For each shard, the number of other workers' updates in it.
  package var others: [Int]
  /// For each shard, the number of this worker's own pushes and ticks in it, in this segment.
  package var included: [Int]

  init(shards: Int) {
    (versions, others, included) = (
      Array(repeating: 0, count: shards), Array(repeating: 0, count: shards),
      Array(repeating: 0, count: shards)
    )
  }

  /// The difference between the newest and the oldest version of the shards.
  package var skew: Int { (versions.max() ?? 0) - (versions.min() ?? 0) }
}

/// A worker's connection to the servers, with pushes and reads in flight while the worker computes.
///
/// At most two pushes, one read and one claim of a batch are in flight.
package final class ShardClient<Scalar: NetworkScalar & ReducibleScalar> {
  package let buffers: WorkerBuffers<Scalar>
  /// Returns this rank's request to save or stop at the end of a step; called whenever a batch is claimed.
  var ownRequest: () -> StepRequest = { .none }
  /// The staleness of the pushes that all shards have applied: for each push, the largest staleness over the shards.
  package private(set) var staleness = StalenessHistogram()
  /// The seconds spent waiting for servers.
  private(set) var waitSeconds = 0.0

  private let link: Communicator
  private let roles: ServerRoles
  /// Keeps the memory of the buffers alive.
  private let memory: WorkerMemory<Scalar>
  /// For each server, whether it can access this worker's buffers directly, because it is on the same host.
  private let isNear: [Bool]
  /// For each buffer, the number of shards that have not yet applied its push; in `stalest`, the largest staleness so
  /// far.
  private var unapplied = [0, 0]
  private var stalest = [0, 0]
  private var pushNumbers = [0, 0]
  private var transfers: [any InFlight] = []
  private var incoming: [(shard: Int, transfer: any InFlight)] = []
  private var read: WeightsRead
  private var awaitedReads = 0
  private var batch: Int?
  /// The requests received from servers that do not hand out batches.
  private var heardRequest = StepRequest.none
  private var isOver: Int
  private var heard: [UInt64]
  private var words = [Int64](repeating: 0, count: ServerRequest.wordCount)
  private let clock = ContinuousClock()

  /// Creates the worker's connection to the servers. Local: sends no messages.
  package init(_ roles: ServerRoles, _ memory: WorkerMemory<Scalar>, over link: Communicator) {
    (self.roles, self.memory, self.link) = (roles, memory, link)
    guard let buffers = memory.buffers(of: link.rank, isOwn: true) else {
      preconditionFailure("rank \(link.rank) does not work")
    }
    self.buffers = buffers
    let here = link.hostRanks
    isNear = roles.servers.map { here.contains($0) }
    read = WeightsRead(shards: roles.shards.count)
    heard = Array(repeating: 0, count: roles.shards.count)
    isOver = 0
  }

  /// Begins a segment, with nothing in flight.
  package func begin() { (isOver, heardRequest) = (0, .none) }

  // MARK: Asking

  /// Sends the numbers in a buffer to all shards.
  ///
  /// - Parameters:
  ///   - buffer: The buffer's number; the buffer must be free.
  ///   - number: The number of the push, from 1.
  ///   - seen: For each shard, the number of other workers' updates in the weights from which the push was computed.
  ///   - rate: The learning rate.
  ///   - scale: The factor by which the numbers are multiplied.
  /// - Throws: ``MPIError``.
  package func push(_ buffer: Int, number: Int, seen: [Int], rate: Double, scale: Double) throws {
    precondition(unapplied[buffer] == 0, "buffer \(buffer) is still on its way")
    (unapplied[buffer], stalest[buffer]) = (roles.shards.count, 0)
    pushNumbers[buffer] = number
    var request = ServerRequest(.push)
    (request.number, request.buffer) = (number, buffer)
    (request.rate, request.scale) = (rate, scale)
    for (shard, range) in roles.shards.enumerated() {
      request.seen = seen[shard]
      try send(request, to: shard)
      if isNear[shard] { continue }
      transfers.append(
        try link.startTransfer(
          of: UnsafeRawBufferPointer(
            UnsafeBufferPointer(
              start: buffers.pushes[buffer] + range.lowerBound, count: range.count)),
          to: roles.servers.lowerBound + shard, tag: ServerTag.push))
    }
  }

  /// Advances the worker's clock on all servers without sending any numbers.
  package func tick() throws { try sendAll(ServerRequest(.tick)) }

  /// Requests the weights, which ``takeWeights()`` then waits for.
  ///
  /// - Parameters:
  ///   - first: The clock at which the weights are first used.
  ///   - need: The number of pushes that every worker must have made.
  /// - Throws: ``MPIError``.
  package func askForWeights(first: Int, need: Int) throws {
    precondition(awaitedReads == 0, "one read is under way")
    awaitedReads = roles.shards.count
    for (shard, range) in roles.shards.enumerated() where !isNear[shard] {
      let bytes = UnsafeMutableRawBufferPointer(
        UnsafeMutableBufferPointer(
          start: buffers.weights + range.lowerBound, count: range.count))
      incoming.append(
        (
          shard,
          link.startTransfer(
            into: bytes, from: roles.servers.lowerBound + shard, tag: ServerTag.weights)
        ))
    }
    var request = ServerRequest(.read)
    (request.number, request.need) = (first, need)
    try sendAll(request)
  }

  /// Requests a batch, which ``takeBatch()`` then waits for, and signals to all servers that the worker is alive.
  package func askForBatch() throws {
    var claim = ServerRequest(.claim)
    claim.number = (ownRequest() + heardRequest).asOne.sum
    for shard in roles.shards.indices {
      try send(shard == 0 ? claim : ServerRequest(.alive), to: shard)
    }
  }

  // MARK: Waiting

  /// Waits until all servers have applied the push from a buffer, so that it can be filled again.
  package func waitForBuffer(_ buffer: Int) throws {
    try wait("the servers to apply a push") { unapplied[buffer] == 0 }
  }

  /// Waits for the requested weights to arrive in the buffer, and returns their versions.
  package func takeWeights() throws -> WeightsRead {
    try wait("weights of the servers") { awaitedReads == 0 && incoming.isEmpty }
    return read
  }

  /// Waits for the number of the requested batch; nil if no batch is left.
  package func takeBatch() throws -> Int? {
    try wait("a batch's number") { batch != nil }
    defer { batch = nil }
    return batch.flatMap { $0 < 0 ? nil : $0 }
  }

  /// Tells the servers that this worker has finished the segment, and waits until all workers have.
  package func end() throws {
    try sendAll(ServerRequest(.end))
    try wait("the end of all workers") {
      isOver == roles.shards.count && unapplied.allSatisfy { $0 == 0 } && awaitedReads == 0
        && incoming.isEmpty
    }
  }

  /// Processes the replies that have arrived from servers, and makes progress on the transfers in flight.
  ///
  /// - Returns: Whether anything has arrived.
  private func look() throws -> Bool {
    var hasTaken = false
    while let message = try link.probeIfAvailable(tag: ServerTag.reply) {
      try link.receive(into: &words, from: message.source, tag: ServerTag.reply)
      guard let reply = ServerReply(words: words) else {
        preconditionFailure(
          "rank \(message.source) sent a worker a message that is not a reply: \(words)")
      }
      let shard = message.source - roles.servers.lowerBound
      heard[shard] = monotonicNanoseconds()
      take(reply, of: shard)
      hasTaken = true
    }
    if !transfers.isEmpty { transfers = try transfers.filter { try !link.hasEnded($0) } }
    if !incoming.isEmpty {
      let before = incoming.count
      incoming = try incoming.filter { try !link.hasEnded($0.transfer) }
      if incoming.count < before { hasTaken = true }
    }
    return hasTaken
  }

  private func take(_ reply: ServerReply, of shard: Int) {
    if reply.stepRequest.saves { heardRequest = (heardRequest + reply.stepRequest).asOne }
    switch reply.kind {
    case .applied:
      guard let buffer = pushNumbers.indices.first(where: { pushNumbers[$0] == reply.number })
      else { preconditionFailure("push \(reply.number) is not under way") }
      unapplied[buffer] -= 1
      stalest[buffer] = max(stalest[buffer], reply.others)
      if unapplied[buffer] == 0 { staleness.add(stalest[buffer]) }
    case .weights:
      read.versions[shard] = reply.number
      read.others[shard] = reply.others
      read.included[shard] = reply.included
      awaitedReads -= 1
    case .batch: batch = reply.number
    case .alive: break
    case .over: isOver += 1
    }
  }

  private func wait(_ what: @autoclosure () -> String, until isDone: () -> Bool) throws {
    _ = try look()
    if isDone() { return }
    let from = clock.now
    let begin = monotonicNanoseconds()
    let period = UInt64((Deadline.seconds ?? 0) / 8 * 1e9)
    var nextSign = begin + period
    var patience = PatientWait(on: link)
    while !isDone() {
      if try look() {
        patience.wake()
      } else {
        // While this worker waits for one server, a different server may wait for this worker.
        if period > 0, monotonicNanoseconds() >= nextSign {
          nextSign = monotonicNanoseconds() + period
          try sendAll(ServerRequest(.alive))
        }
        // The server that has been silent for the longest time.
        let quietest = heard.indices.min { heard[$0] < heard[$1] } ?? 0
        patience.rest(
          heard: max(begin, heard[quietest]), of: [roles.servers.lowerBound + quietest],
          "a worker's wait for \(what())")
      }
    }
    patience.wake()
    waitSeconds += (clock.now - from) / .seconds(1)
  }

  private func sendAll(_ request: ServerRequest) throws {
    for shard in roles.shards.indices { try send(request, to: shard) }
  }

  private func send(_ request: ServerRequest, to shard: Int) throws {
    try link.send(request.words, to: roles.servers.lowerBound + shard, tag: ServerTag.request)
  }
}
