internal import AllReduceMPI

/// Vectors sharded over servers: each operation is sent as an order to all servers. Except to ``read(_:into:)``, a
/// server replies with at most a number.
final class ShardedVectors: VectorSpace {
  private let link: Communicator
  private let roles: ServerRoles

  init(_ roles: ServerRoles, over link: Communicator) { (self.roles, self.link) = (roles, link) }

  func clear(_ vector: Int) throws { try order(VectorOrder(.clear, vector)) }

  func copy(_ source: Int, to target: Int) throws {
    try order(VectorOrder(.copy, source, target))
  }

  func add(_ source: Int, times factor: Double, to target: Int) throws {
    try order(VectorOrder(.add, source, target, factor: factor))
  }

  func scale(_ vector: Int, by factor: Double) throws {
    try order(VectorOrder(.scale, vector, factor: factor))
  }

  func multiply(_ source: Int, into target: Int) throws {
    try order(VectorOrder(.multiply, source, target))
  }

  func dot(_ a: Int, _ b: Int) throws -> Double {
    try order(VectorOrder(.dot, a, b))
    return try roles.servers.reduce(0) { try $0 + answer(of: $1) }
  }

  /// Sends the values of a vector to the servers, each its shard.
  func write(_ vector: Int, _ values: [Double]) throws {
    try order(VectorOrder(.write, vector)) { values[$0] }
  }

  /// Receives the values of a vector from all servers.
  func read(_ vector: Int, into values: inout [Double]) throws {
    try order(VectorOrder(.read, vector))
    for (server, shard) in zip(roles.servers, roles.shards) {
      _ = try values.withUnsafeMutableBufferPointer {
        try link.receive(
          into: UnsafeMutableBufferPointer(rebasing: $0[shard]), from: server,
          tag: VectorTag.values)
      }
    }
  }

  /// Adds values to a vector on the servers; returns once all servers have added them.
  func gather(_ vector: Int, _ values: [Double]) throws {
    try order(VectorOrder(.gather, vector)) { values[$0] }
    for server in roles.servers { _ = try answer(of: server) }
  }

  /// Stops the servers.
  func stop() throws { try order(VectorOrder(.stop)) }

  private func order(
    _ order: VectorOrder, following values: ((Range<Int>) -> ArraySlice<Double>)? = nil
  ) throws {
    for (server, shard) in zip(roles.servers, roles.shards) {
      try link.send(order.words, to: server, tag: VectorTag.order)
      if let values { try link.send(Array(values(shard)), to: server, tag: VectorTag.values) }
    }
  }

  private func answer(of server: Int) throws -> Double {
    var number = [0.0]
    try link.receive(into: &number, from: server, tag: VectorTag.answer)
    return number[0]
  }
}
