internal import AllReduceMPI
internal import AllReduceNN

/// A range of a network's parameters, with the ranks that it concerns.
struct NetworkPart {
  /// Elements of the flat memory; together, ascending, the parts cover all parameters.
  let elements: Range<Int>
  let groups: ParameterGroups
}

extension NetworkExchange {
  /// Takes memory for a network's weights and gradients, moves it there, and makes the exchange of each part; the
  /// network's pass tells it of gradients from here on. Collective over all ranks.
  ///
  /// - Parameters:
  ///   - network: Its values stay; another exchange that it has must not go on.
  ///   - world: All ranks.
  ///   - parts: The parameters by their groups; nil for all, which every rank has and adds up.
  ///   - pieces: The ranks that hold the other pieces of what is sharded; nil if nothing is.
  ///   - mode: Who updates which weights. Where something is sharded, `shared` keeps a copy a rank.
  ///   - optimizer: Nil if somebody else updates them.
  ///   - transport: How gradients travel.
  ///   - clock: Counts the seconds.
  /// - Throws: ``AgreedError`` if a rank cannot get the memory; ``MPIError``.
  convenience init(
    _ network: Network<Scalar>, over world: Communicator, parts: [NetworkPart]? = nil,
    pieces: Communicator? = nil, _ mode: UpdateMode, _ optimizer: (any UpdateRule)?,
    _ transport: GradientTransport, _ clock: ExchangeClock = ExchangeClock()
  ) throws {
    // Another exchange may have left weights on their way to the memory that the network is in until now.
    try network.pass.willUse(network.parameters)
    let layout = network.layout
    let parts =
      parts ?? [
        NetworkPart(
          elements: layout.reserved..<layout.count, groups: ParameterGroups(copies: world))
      ]
    let pieces = pieces.flatMap { $0.size > 1 ? $0 : nil }
    let memory = try ParameterMemory(
      network, over: world,
      sharesGradients: parts.contains {
        (mode == .replicated ? $0.groups.sum : $0.groups.copies).size > 1
      },
      weights: try NetworkExchange.sharing(of: parts, pieces != nil, mode, over: world))
    self.init(
      network, memory,
      try parts.enumerated().map { number, part in
        let site = ExchangeSite(
          layout: layout, memory: memory, elements: part.elements, groups: part.groups,
          optimizer: optimizer, transport: transport,
          header: number == 0 ? 0..<layout.reserved : 0..<0, clock: clock,
          skipsWhole: part.groups.isSharded && pieces.map { $0.rank > 0 } ?? false)
        return (part.elements, try site.makeExchange(mode))
      }, usesNorms: optimizer?.usesNorms == true, pieces: pieces, transport, clock)
    network.pass.sink = self
  }

  /// How the arena of the weights is divided; nil for private memory.
  private static func sharing(
    of parts: [NetworkPart], _ isSharded: Bool, _ mode: UpdateMode, over world: Communicator
  ) throws -> Arena<Scalar>.Sharing? {
    guard mode != .replicated, parts.contains(where: { $0.groups.copies.size > 1 })
    else { return nil }
    if mode == .shared { return isSharded ? .symmetric : .single }
    // Where the copies of a part are all on one host, they write each other's.
    let isWritten = parts.contains {
      $0.groups.copies.size > 1 && $0.groups.copies.hosts.count == 1
    }
    return try world.allGatherNatively(isWritten ? 1 : 0).contains(1) ? .symmetric : nil
  }
}
