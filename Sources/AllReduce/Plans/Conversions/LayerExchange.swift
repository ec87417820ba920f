public import AllReduceMPI
public import AllReduceNN

/// What one layer exchanges in one direction, with its traffic and times so far.
///
/// Passes of evaluation are not counted.
public final class LayerExchange {
  /// Which exchange.
  public enum Kind: String, Sendable {
    case allReduce = "all-reduce"
    case allGather = "all-gather"
    case reduceScatter = "reduce-scatter"
    case broadcast = "broadcast"
    case reduce = "reduce"
    case allToAll = "all-to-all"
  }

  /// Which exchange.
  public let kind: Kind
  /// Whether it belongs to the backward pass.
  public let isBackward: Bool
  /// What this rank has moved by it.
  public var traffic: Traffic { tally.traffic }
  /// Seconds spent on it.
  public private(set) var times = ExchangeTimes()

  private let tally = TrafficTally()

  init(_ kind: Kind, backward: Bool = false) {
    self.kind = kind
    isBackward = backward
  }

  /// Runs or starts an exchange, and counts what it moves while training.
  func counting<Result: ~Copyable>(
    _ pass: Pass<some Any>, _ exchange: () throws -> Result
  ) throws -> Result {
    if pass.isTraining { return try counting(exchange) }
    return try exchange()
  }

  /// Runs or starts an exchange, and counts what it moves.
  func counting<Result: ~Copyable>(_ exchange: () throws -> Result) throws -> Result {
    try tally.counting(exchange)
  }

  /// Runs an exchange that is waited for: counts what it moves, and its seconds, while training.
  func timing(_ pass: Pass<some Any>, _ exchange: () throws -> Void) throws {
    guard pass.isTraining else { return try exchange() }
    let clock = ContinuousClock()
    let from = clock.now
    try counting(exchange)
    let seconds = (clock.now - from) / .seconds(1)
    add(seconds: seconds, waited: seconds)
  }

  /// Notes the time from the start of an exchange to its end, of which so much was spent waiting.
  func add(seconds: Double, waited: Double) {
    times.exchangeSeconds += seconds
    times.waitSeconds += waited
  }
}

/// A layer that exchanges something with other ranks.
public protocol ExchangingLayer<Scalar>: Layer {
  /// What it exchanges.
  var exchanges: [LayerExchange] { get }
}

extension Layer {
  /// What this layer and all below it exchange, with the path and summary of each layer.
  public var allExchanges: [(layer: String, exchange: LayerExchange)] { allExchanges(at: "") }

  private func allExchanges(at path: String) -> [(layer: String, exchange: LayerExchange)] {
    let name = path.isEmpty ? summary : "\(path) \(summary)"
    let own = (self as? any ExchangingLayer<Scalar>)?.exchanges.map { (name, $0) } ?? []
    return own
      + children.flatMap {
        $0.layer.allExchanges(at: path.isEmpty ? $0.name : "\(path).\($0.name)")
      }
  }
}
