internal import AllReduceMPI
internal import AllReduceNN

extension ModelParallel {
  /// What this rank exchanged, by layer: activations and their gradients, the loss, parameters' gradients.
  public var exchanges: [(layer: String, kind: String, bytes: ExchangedBytes)] {
    var all = layers.allExchanges.map {
      (
        $0.layer, $0.exchange.kind.rawValue + ($0.exchange.isBackward ? " backward" : ""),
        $0.exchange.bytes
      )
    }
    if let loss = dividedLoss { all.append(("loss", "all-reduce", loss.exchange.bytes)) }
    for (name, reducer) in [
      ("gradients of divided layers", backReducer), ("gradients of other layers", frontReducer),
    ] {
      if let reducer { all.append((name, "all-reduce", reducer.bytes)) }
    }
    return all
  }

  /// What this rank moved in all steps so far.
  public var exchangedBytes: ExchangedBytes {
    exchanges.reduce(into: ExchangedBytes()) { $0 += $1.bytes }
  }

  /// Where the time of exchanges went.
  public var exchangeTimes: ExchangeTimes {
    var all = layers.allExchanges.map(\.exchange.times)
    all += [dividedLoss?.exchange.times, backReducer?.times, frontReducer?.times].compactMap { $0 }
    var sum = ExchangeTimes()
    for times in all {
      sum.exchangeSeconds += times.exchangeSeconds
      sum.waitSeconds += times.waitSeconds
      sum.busySeconds += times.busySeconds
      sum.busyUnderWaySeconds += times.busyUnderWaySeconds
    }
    return sum
  }
}
