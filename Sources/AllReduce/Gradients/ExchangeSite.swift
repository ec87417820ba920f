internal import AllReduceMPI
internal import AllReduceNN

/// A range of a network's parameters, with the ranks that it concerns.
struct NetworkPart {
  /// Elements of the flat memory.
  let elements: Range<Int>
  let groups: ParameterGroups
}

/// The parameters of an exchange: a range of a network's parameters, the ranks that hold it, and how its gradients
/// travel.
struct ExchangeSite<Scalar: NetworkScalar & ReducibleScalar> {
  let layout: ParameterLayout<Scalar>
  let memory: ParameterMemory<Scalar>
  /// The parameters: elements of the flat memory, whole buckets of it.
  let elements: Range<Int>
  let groups: ParameterGroups
  let optimizer: any UpdateRule
  let transport: GradientTransport
  /// The step's totals, which travel with these gradients; empty if they do with others.
  let header: Range<Int>
  let clock: ExchangeClock
  /// Whether sums of squares leave out parameters that are whole on every rank, since another rank counts these.
  let skipsWhole: Bool

  /// The exchange that a mode of update means here. Collective.
  func makeExchange(_ mode: UpdateMode) throws -> any GradientExchange<Scalar> {
    // One rank shares with no other.
    let mode = groups.copies.size == 1 ? .replicated : mode
    precondition(
      mode == .replicated || !(transport.compression is any PartialCompression),
      "an update that is \(mode) adds up whole gradients, not \(transport.compression.name)")
    switch mode {
    case .replicated: return try ReplicatedExchange(self)
    case .sharded where groups.copies.hosts.count > 1: return try BlockExchange(self)
    case .sharded, .shared: return try HostExchange(self)
    }
  }

  /// Makes the reduction that adds up the gradients. Collective.
  func reduction(
    to goal: BucketedReduction<Scalar>.Goal, headerIsApart: Bool = false
  ) throws -> BucketedReduction<Scalar> {
    try BucketedReduction(
      memory.gradientArena, elements, header: header, headerIsApart: headerIsApart,
      parts: layout.ranges,
      matrices: layout.matrices.filter { elements.contains($0.start) }, over: groups.sum, to: goal,
      transport, clock)
  }

  /// Makes the optimizer of some of the parameters.
  func update(_ range: Range<Int>) -> Optimizer<Scalar> {
    let update = Optimizer(optimizer, layout: layout, range: range)
    update.skipsWhole = skipsWhole
    return update
  }
}

extension ParameterLayout {
  /// The parameters that are matrices: `[first size, all others]`.
  var matrices: [GradientMatrix] {
    zip(parameters, ranges).filter { $0.0.shape.rank > 1 && !$0.1.isEmpty }.map {
      let rows = $0.shape.sizes[0]
      return GradientMatrix(
        start: $1.lowerBound, rows: rows, columns: $1.count / rows)
    }
  }
}
