internal import AllReduceMPI

/// The bytes that a rank moves to or from other ranks.
public struct ExchangedBytes: Sendable, Equatable {
  /// Sent to other hosts.
  public var network = 0
  /// Through the host's memory: read from and written to other ranks' arenas, and sent as messages to
  /// ranks of the same host.
  public var memory = 0

  /// Adds another exchange.
  public static func += (left: inout ExchangedBytes, right: ExchangedBytes) {
    left.network += right.network
    left.memory += right.memory
  }
}

extension Communicator {
  /// What an all-reduce makes this rank move, from its schedule.
  ///
  /// Not collective; costs what making the schedule costs.
  ///
  /// - Parameters:
  ///   - count: Elements of the slice.
  ///   - type: The element type.
  ///   - algorithm: What is asked for. Of MPI's own (`native`) the library knows no schedule: counted
  ///     as the ring, which moves the least.
  ///   - wireFormat: How elements travel between hosts.
  ///   - inArena: Whether the elements are in an ``Arena``.
  /// - Returns: The bytes of this rank.
  public func exchangedBytes<Scalar: ReducibleScalar>(
    count: Int, of type: Scalar.Type, using algorithm: ReductionAlgorithm = .automatic,
    wireFormat: WireFormat = .full, inArena: Bool = true
  ) -> ExchangedBytes {
    guard size > 1, count > 0 else { return ExchangedBytes() }
    let stride = Scalar.scalarType.stride
    let bytes = count * wireFormat.stride(of: Scalar.scalarType)
    switch resolve(algorithm, bytes: bytes, over: inArena ? .arena : .array).kind {
    case .sharedMemory:
      return ExchangedBytes(
        memory: inPlaceBytes(
          count: count, stride: stride, isShared: true,
          wholeLimit: inArena
            ? WholeExchange.arenaLimit : WholeExchange.limit(ranks: size)))
    case .hierarchical:
      return hierarchicalBytes(
        count: count, Scalar.scalarType, using: algorithm, wireFormat: wireFormat)
    case let kind:
      return scheduledBytes(
        count: count, Scalar.scalarType, by: kind == .native ? .ring : kind, wireFormat: wireFormat)
    }
  }

  /// What an all-gather by messages makes this rank move: of `count` elements of all ranks together.
  func allGatherBytes<Scalar: ReducibleScalar>(
    count: Int, of type: Scalar.Type, using algorithm: ReductionAlgorithm
  ) -> ExchangedBytes {
    guard size > 1, count > 0 else { return ExchangedBytes() }
    let kind = resolveToSchedule(algorithm, bytes: count * Scalar.scalarType.stride).kind
    return scheduledBytes(
      .allGather, count: count, Scalar.scalarType, by: kind, wireFormat: .full)
  }

  /// This host's ranks, and this rank's place among them.
  private var neighbours: (ranks: [Int], place: Int) {
    let ranks = hosts.first { $0.contains(rank) } ?? [rank]
    return (ranks, ranks.firstIndex(of: rank) ?? 0)
  }

  /// One pass over the parts of a host's ranks: this rank's slice is read from all others, and its sum
  /// written to all others, or to the first rank only.
  private func inPlaceBytes(
    count: Int, stride: Int, isShared: Bool, wholeLimit: Int = 0
  ) -> Int {
    let (ranks, place) = neighbours
    if ranks.count == 1 { return 0 }
    if count * stride <= wholeLimit {
      return (ranks.count - 1) * count * stride
    }
    let slice = HostSlices(count: count, stride: stride, ranks: ranks.count)[place].count * stride
    let written = isShared ? ranks.count - 1 : (place == 0 ? 0 : 1)
    return (ranks.count - 1 + written) * slice
  }

  /// What an all-reduce across hosts moves; not `isCopied` where ranks leave the result in the part of
  /// their host's first.
  func hierarchicalBytes(
    count: Int, _ type: ScalarType, using algorithm: ReductionAlgorithm, wireFormat: WireFormat,
    isCopied: Bool = true
  ) -> ExchangedBytes {
    let (_, place) = neighbours
    let isAlone = hosts.count == 1
    var bytes = ExchangedBytes(
      memory: inPlaceBytes(count: count, stride: type.stride, isShared: isAlone))
    if isAlone { return bytes }
    if place > 0, isCopied { bytes.memory += count * type.stride }
    let carriers = hosts.map(\.count).min() ?? 1
    guard place < carriers else { return bytes }
    let slice = HostSlices(count: count, stride: type.stride, ranks: carriers)[place].count
    let group = hosts.map { $0[place] }.sorted()
    let kind =
      switch algorithm.kind {
      case .automatic, .sharedMemory, .hierarchical:
        AutomaticChoice.algorithm(
          ranks: group.count, hosts: group.count, bytes: slice * wireFormat.stride(of: type),
          over: .messages
        ).kind
      default: algorithm.kind
      }
    let schedule = Schedule(
      .allReduce, by: kind, rank: group.firstIndex(of: rank) ?? 0, size: group.count, count: slice,
      segment: max(1, slice), wireFormat: wireFormat)
    bytes.network += schedule.elementsSent * wireFormat.stride(of: type)
    return bytes
  }

  /// What a reduce-scatter or all-gather by the ring makes this rank move.
  func blockBytes<Scalar: ReducibleScalar>(
    _ collective: Collective, count: Int, of type: Scalar.Type, wireFormat: WireFormat = .full
  ) -> ExchangedBytes {
    guard size > 1, count > 0 else { return ExchangedBytes() }
    return scheduledBytes(
      collective, count: count, Scalar.scalarType, by: .ring, wireFormat: wireFormat)
  }

  /// What a collective makes this rank send: by its schedule, also where elements lie in an arena and are
  /// fetched instead. All-reduces are counted as they run.
  func exchangedBytes(
    of collective: Collective, count: Int, _ type: ScalarType
  ) -> ExchangedBytes {
    guard size > 1, count > 0 else { return ExchangedBytes() }
    switch (collective, type) {
    case (.allReduce, .float): return exchangedBytes(count: count, of: Float.self)
    case (.allReduce, _): return exchangedBytes(count: count, of: Double.self)
    case (.broadcast, _), (.reduce, _):
      return scheduledBytes(collective, count: count, type, by: .tree, wireFormat: .full)
    default:
      return scheduledBytes(collective, count: count, type, by: .ring, wireFormat: .full)
    }
  }

  private func scheduledBytes(
    _ collective: Collective = .allReduce, count: Int, _ type: ScalarType,
    by kind: ReductionAlgorithm.Kind, wireFormat: WireFormat
  ) -> ExchangedBytes {
    // How it is cut into messages changes no bytes.
    let schedule = Schedule(
      collective, by: kind, rank: rank, size: size, count: count, segment: count,
      wireFormat: wireFormat)
    let near = Set(neighbours.ranks)
    var bytes = ExchangedBytes()
    for step in schedule.steps {
      switch step {
      case .send(let range, let peer, _), .sendEncoded(let range, _, let peer, _):
        let sent = range.count * wireFormat.stride(of: type)
        if near.contains(peer) { bytes.memory += sent } else { bytes.network += sent }
      default: break
      }
    }
    return bytes
  }
}
