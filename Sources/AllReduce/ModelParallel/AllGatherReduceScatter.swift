public import AllReduceMPI
public import AllReduceNN

/// Forward an all-gather of the first dimension, backward a reduce-scatter: all ranks go on with all
/// ranks' examples.
///
/// Each rank has some examples, and may have another number of them than others or none; afterwards all
/// have all, in rank order. Each rank makes something else of them, so the gradients of an example add up,
/// and go back to the rank that has it. Costs (p - 1) batch elements a rank each way. Any shape of
/// examples. Collective.
public final class AllGatherReduceScatter<Scalar: NetworkScalar & ReducibleScalar>: ExchangingLayer
{
  private let exchange: RowExchange<Scalar>
  private let gathering = LayerExchange(.allGather)
  private let scattering = LayerExchange(.reduceScatter, backward: true)
  private let communicator: Communicator
  private var rows: [Int] = []
  private var part = Scratch<Scalar>()

  /// Creates the pair for ranks that have examples.
  public init(over communicator: Communicator) {
    self.communicator = communicator
    exchange = RowExchange(over: communicator)
  }

  /// "All-gather, reduce-scatter".
  public var summary: String { "All-gather, reduce-scatter" }
  /// Both.
  public var exchanges: [LayerExchange] { [gathering, scattering] }

  /// The input's shape.
  public func outputShape(for input: Shape) -> Shape { input }

  /// All ranks' examples.
  public func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    rows = try communicator.allGatherNatively(input.rows)
    let turn = TransitionTurn(rows.map { 0..<$0 })
    try exchange.startGather(input, turn, in: 0, gathering, pass)
    let all = try exchange.finishGather(gathering, pass)
    return all.reshaped(input.shape.example.batch(of: all.rows))
  }

  /// The sum over the ranks of the gradients of this rank's examples.
  public func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    guard needsInputGradient else { return nil }
    let width = gradient.shape.example.count
    let turn = TransitionTurn(rows.map { 0..<$0 })
    let shares = try exchange.gradientMemory(turn, width: width, in: 1)
    _ = shares.values.update(fromContentsOf: gradient.values)
    let own = part.tensor(gradient.shape.example.batch(of: rows[communicator.rank]))
    try exchange.startScatter(turn, width: width, in: 1, scattering, pass)
    try exchange.finishScatter(to: own, scattering, pass)
    return own
  }
}
