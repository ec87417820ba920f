public import AllReduceMPI
internal import AllReduceNN

extension Trainer {
  /// The algorithm that reduces the largest bucket of the first gradient exchange.
  package var chosenAlgorithm: ReductionAlgorithm { exchange.chosenAlgorithm }

  /// The traffic of this rank in all steps and updates so far, by layer and kind of exchange: activations and their
  /// gradients, the loss, parameters' gradients; then, if there is any, that of new weights, statistics and norms.
  package var exchanges: [(layer: String, kind: String, traffic: Traffic)] {
    let rest = otherTraffic
    if rest.payloadBytes == 0 { return named }
    return named + [("weights, statistics and norms", "all", rest)]
  }

  private var otherTraffic: Traffic { tally.traffic + exchange.tally.traffic }

  private var named: [(layer: String, kind: String, traffic: Traffic)] {
    var records = between
    if let shardedLoss { records.append(("loss", shardedLoss.exchange)) }
    if let record = targetExchange?.record { records.append(("targets", record)) }
    var all = records.map { ($0.layer, $0.exchange.name, $0.exchange.traffic) }
    for part in exchange.exchanges where part.groups.sum.size > 1 {
      let layers = row == nil ? "all" : "\(part.groups.kind)"
      all.append(("gradients of \(layers) layers", "all-reduce", part.reduction.traffic))
    }
    for (number, fragment) in (replicas?.fragments ?? []).enumerated() {
      all.append(
        ("differences of fragment \(number)", "all-reduce", fragment.reduction.traffic))
    }
    return all
  }

  /// The bytes that this rank has sent, and exchanged through memory, in all steps and updates so far.
  public var traffic: Traffic { named.reduce(into: otherTraffic) { $0 += $1.traffic } }

  /// The name of the first parameter to which an update on this rank gave a weight that is NaN or infinite, because of
  /// its gradient or of too long a step; nil if there is none. Cost: one comparison per range of parameters, since
  /// updates check the weights while these are in registers.
  package var notFinite: String? {
    for update in exchange.updates where update.gaveNotFinite {
      for (parameter, elements) in zip(network.layout.parameters, network.layout.ranges) {
        let own = elements.clamped(to: update.range)
        if own.isEmpty { continue }
        let weights = UnsafeBufferPointer(start: exchange.memory.weights(own), count: own.count)
        if !weights.allSatisfy(\.isFinite) { return parameter.name }
      }
    }
    return nil
  }

  /// How long this rank's exchanges took, in seconds, and how long it waited for them.
  public var exchangeTimes: ExchangeTimes { batch.clock.times }
}
