internal import AllReduceMPI
internal import AllReduceNN

/// A range of a network's parameters, with the ranks that hold it and the ranks that sum its gradients.
struct NetworkPart {
  /// The range of elements of the network's flat memory.
  let elements: Range<Int>
  let groups: ParameterGroups
}

/// The settings from which an exchange is made: a range of a network's parameters, the ranks that hold it, and how its
/// gradients are reduced.
struct ExchangeSite<Scalar: NetworkScalar & ReducibleScalar> {
  let layout: ParameterLayout<Scalar>
  let memory: ParameterMemory<Scalar>
  /// The range of the flat memory that holds the parameters, in whole buckets.
  let elements: Range<Int>
  let groups: ParameterGroups
  let optimizer: any UpdateRule
  let transport: GradientTransport
  /// The elements of the step's totals, if they are reduced with these gradients; empty if they are reduced with
  /// others.
  let header: Range<Int>
  let clock: ExchangeClock
  /// Whether sums of squares leave out parameters that every rank holds whole, because another rank counts them.
  let skipsWhole: Bool

  /// Creates the exchange for an update mode. Collective.
  func makeExchange(_ mode: UpdateMode) throws -> any GradientExchange<Scalar> {
    // Where one rank holds the parameters, there is nothing to shard.
    let mode = groups.copies.size == 1 ? .replicated : mode
    precondition(
      mode == .replicated || !(transport.compression is any PartialCompression),
      "a \(mode) update needs whole gradients: \(transport.compression.name) cannot compress them")
    switch mode {
    case .replicated: return try ReplicatedExchange(self)
    case .sharded where groups.copies.hosts.count > 1: return try BlockExchange(self)
    case .sharded, .shared: return try HostExchange(self)
    }
  }

  /// Creates the reduction that sums the gradients. Collective.
  func reduction(
    to goal: BucketedReduction<Scalar>.Goal, headerIsApart: Bool = false
  ) throws -> BucketedReduction<Scalar> {
    try BucketedReduction(
      memory.gradientArena, elements, header: header, headerIsApart: headerIsApart,
      parts: layout.ranges,
      matrices: layout.matrices.filter { elements.contains($0.start) }, over: groups.sum, to: goal,
      transport, clock)
  }

  /// Creates the optimizer of a range of the parameters.
  func update(_ range: Range<Int>) -> Optimizer<Scalar> {
    let update = Optimizer(optimizer, layout: layout, range: range)
    update.skipsWhole = skipsWhole
    return update
  }
}

extension ParameterLayout {
  /// The parameters with two or more dimensions, as matrices: the rows are the first dimension, the columns all others.
  var matrices: [GradientMatrix] {
    zip(parameters, ranges).filter { $0.0.shape.rank > 1 && !$0.1.isEmpty }.map {
      let rows = $0.shape.sizes[0]
      return GradientMatrix(
        start: $1.lowerBound, rows: rows, columns: $1.count / rows)
    }
  }
}
