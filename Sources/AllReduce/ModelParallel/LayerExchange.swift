internal import AllReduceMPI
public import AllReduceNN

/// What one layer exchanges in one direction, with its bytes and times so far.
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
  }

  /// Which exchange.
  public let kind: Kind
  /// Whether it belongs to the backward pass.
  public let isBackward: Bool
  /// What this rank has moved by it.
  public private(set) var bytes = ExchangedBytes()
  /// Seconds spent on it.
  public private(set) var times = ExchangeTimes()

  private var known: [Key: ExchangedBytes] = [:]

  private struct Key: Hashable {
    let collective: Collective
    let count: Int
  }

  init(_ kind: Kind, backward: Bool = false) {
    self.kind = kind
    isBackward = backward
  }

  /// Notes an exchange of `count` elements.
  func add<Scalar: ReducibleScalar>(
    _ collective: Collective, count: Int, of type: Scalar.Type, over communicator: Communicator
  ) {
    let key = Key(collective: collective, count: count)
    let each =
      known[key]
      ?? communicator.exchangedBytes(of: collective, count: count, Scalar.scalarType)
    known[key] = each
    bytes += each
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
