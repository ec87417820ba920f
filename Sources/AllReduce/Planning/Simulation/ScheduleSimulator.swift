internal import AllReduceMPI

/// Simulates the schedules of all ranks on a virtual clock: how long would a collective take on a cluster that is not
/// available?
///
/// The schedules are those that run over MPI, including their segments; only the data is missing. Each rank has a
/// processor, which does one thing at a time, and each host a link (``SimulatedCluster``). A message is sent as soon as
/// its sender is ready, whether or not its receive is posted.
///
/// If no link is shared, no processor is busy and no latency is random, times equal the closed formulas of the α-β
/// model (Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", 2005).
///
/// Cost: about a microsecond per step. A ring of 1,024 ranks has 5 million steps, a tree of 16,384 ranks 0.1 million.
package struct ScheduleSimulator {
  /// The result of a simulation.
  package struct Outcome: Sendable {
    /// The time at which the last rank finished, in seconds.
    package let seconds: Double
    /// The time at which each rank finished, in seconds.
    package let rankSeconds: [Double]
    /// The number of bytes that each host sent to other hosts.
    package let hostBytes: [Int]
  }

  private enum Happening: UInt8 {
    /// A step has completed.
    case ended
    /// The sender's processor has passed a message to the link.
    case injected
    /// The first byte of a message has reached the receiver's host.
    case arriving
    /// The last byte of a message has reached the receiver's host.
    case arrived
  }

  private let cluster: SimulatedCluster
  private let graph: ScheduleGraph
  private var waits: [Int32]
  private var queue = EventQueue<Happening>()
  /// The time at which each rank's processor becomes free.
  private var processors: [Double]
  /// The times at which each host's link becomes free, outward and inward.
  private var outward: [Double]
  private var inward: [Double]
  /// Whether the message of each receive has arrived.
  private var isThere: [Bool]
  /// Whether the rank of each receive waits for its message.
  private var isPosted: [Bool]
  private var rankSeconds: [Double]
  private var hostBytes: [Int]
  private let speed: [Double]

  /// Simulates a collective on a cluster.
  ///
  /// - Parameters:
  ///   - collective: The collective.
  ///   - algorithm: An algorithm that has a schedule.
  ///   - bytes: The size of a rank's buffer; a multiple of `stride`.
  ///   - stride: The number of bytes per element.
  ///   - segmentBytes: The largest number of bytes of a message; nil for the default.
  ///   - cluster: The cluster to simulate.
  /// - Returns: The times at which ranks finish, and the bytes that hosts send.
  package static func run(
    _ collective: Collective, by algorithm: ReductionAlgorithm.Kind, bytes: Int, stride: Int = 4,
    segmentBytes: Int? = nil, on cluster: SimulatedCluster
  ) -> Outcome {
    let segment = segmentBytes ?? AutomaticChoice.segmentBytes(of: algorithm, hosts: cluster.hosts)
    var simulator = ScheduleSimulator(
      ScheduleGraph(
        collective, by: algorithm, ranks: cluster.ranks, count: bytes / stride, stride: stride,
        segment: max(1, segment / stride)), cluster)
    simulator.run()
    return Outcome(
      seconds: simulator.rankSeconds.max() ?? 0, rankSeconds: simulator.rankSeconds,
      hostBytes: simulator.hostBytes)
  }

  private init(_ graph: ScheduleGraph, _ cluster: SimulatedCluster) {
    self.graph = graph
    self.cluster = cluster
    waits = graph.waits
    processors = Array(repeating: 0, count: cluster.ranks)
    rankSeconds = processors
    outward = Array(repeating: 0, count: cluster.hosts)
    inward = outward
    hostBytes = Array(repeating: 0, count: cluster.hosts)
    isThere = Array(repeating: false, count: graph.count)
    isPosted = isThere
    speed = (0..<cluster.ranks).map { cluster.stragglers[$0] ?? 1 }
  }

  private mutating func run() {
    for step in 0..<graph.count where graph.waits[step] == 0 { begin(step, at: 0) }
    var ended = 0
    while let (time, happening, step) = queue.popFirst() {
      switch happening {
      case .ended:
        ended += 1
        end(step, at: time)
      case .injected: leave(step, at: time)
      case .arriving:
        let host = cluster.host(of: rank(of: Int(graph.receives[step])))
        inward[host] = max(time, inward[host]) + Double(graph.bytes[step]) / cluster.bandwidth
        queue.add(inward[host], .arrived, Int(graph.receives[step]))
      case .arrived:
        isThere[step] = true
        if isPosted[step] { work(step, cluster.messageSeconds, from: time, then: .ended) }
      }
    }
    precondition(ended == graph.count, "The schedules wait for each other forever.")
  }

  private func rank(of step: Int) -> Int { Int(graph.ranks[step]) }

  /// Begins a step, all of whose predecessors have completed.
  private mutating func begin(_ step: Int, at time: Double) {
    switch graph.kinds[step] {
    case .compute:
      work(step, Double(graph.bytes[step]) / cluster.reductionRate, from: time, then: .ended)
    case .send: work(step, cluster.messageSeconds, from: time, then: .injected)
    case .receive:
      isPosted[step] = true
      if isThere[step] { work(step, cluster.messageSeconds, from: time, then: .ended) }
    }
  }

  /// Occupies the processor of a step's rank for some seconds, after which the event `then` happens.
  private mutating func work(_ step: Int, _ seconds: Double, from time: Double, then: Happening) {
    let rank = rank(of: step)
    processors[rank] = max(time, processors[rank]) + seconds * speed[rank]
    queue.add(processors[rank], then, step)
  }

  /// Sends a message; its memory may be reused when its last byte has left the host.
  private mutating func leave(_ step: Int, at time: Double) {
    let receive = Int(graph.receives[step])
    let (source, destination) = (
      cluster.host(of: rank(of: step)), cluster.host(of: rank(of: receive))
    )
    let bytes = graph.bytes[step]
    if source == destination {
      let seconds = Double(bytes) / cluster.hostBandwidth
      queue.add(time + seconds, .ended, step)
      queue.add(time + cluster.hostLatency + seconds, .arrived, receive)
      return
    }
    let start = max(time, outward[source])
    outward[source] = start + Double(bytes) / cluster.bandwidth
    hostBytes[source] += bytes
    queue.add(outward[source], .ended, step)
    queue.add(start + cluster.latency(ofMessage: step), .arriving, step)
  }

  private mutating func end(_ step: Int, at time: Double) {
    let rank = rank(of: step)
    rankSeconds[rank] = max(rankSeconds[rank], time)
    for place in graph.successorStarts[step]..<graph.successorStarts[step + 1] {
      let successor = Int(graph.successors[place])
      waits[successor] -= 1
      if waits[successor] == 0 { begin(successor, at: time) }
    }
  }
}
