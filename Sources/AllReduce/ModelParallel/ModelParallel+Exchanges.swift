public import AllReduceMPI
internal import AllReduceNN

extension ModelParallel {
  /// What this rank exchanged in all steps and updates so far, by layer: activations and their gradients,
  /// the loss, parameters' gradients; then, if there are any, statistics of batch norm and norms of weights.
  public var exchanges: [(layer: String, kind: String, traffic: Traffic)] {
    let rest = exchange.tally.traffic
    if rest.payloadBytes == 0 { return ofLayers }
    return ofLayers + [("statistics and norms", "all-reduce", rest)]
  }

  private var ofLayers: [(layer: String, kind: String, traffic: Traffic)] {
    var all = layers.allExchanges.map {
      (
        $0.layer, $0.exchange.kind.rawValue + ($0.exchange.isBackward ? " backward" : ""),
        $0.exchange.traffic
      )
    }
    if let loss = dividedLoss { all.append(("loss", "all-reduce", loss.exchange.traffic)) }
    let names = ["gradients of divided layers", "gradients of other layers"]
    for (name, exchange) in zip(names, exchange.exchanges)
    where grid.data.size > 1 || (layers.front != nil && grid.world.size > 1) {
      all.append((name, "all-reduce", exchange.reduction.traffic))
    }
    return all
  }

  /// What this rank moved in all steps and updates so far.
  public var traffic: Traffic {
    ofLayers.reduce(into: exchange.tally.traffic) { $0 += $1.traffic }
  }

  /// Where the time of exchanges went.
  public var exchangeTimes: ExchangeTimes {
    var all = layers.allExchanges.map(\.exchange.times)
    all += [dividedLoss?.exchange.times, exchange.clock.times].compactMap { $0 }
    return all.reduce(ExchangeTimes()) { $0 + $1 }
  }
}
