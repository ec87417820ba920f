internal import AllReduceMPI

/// Vectors whose shards are on servers: orders go to all of them, and only numbers come back.
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

  /// Gives servers a vector's values.
  func write(_ vector: Int, _ values: [Double]) throws {
    try order(VectorOrder(.write, vector)) { values[$0] }
  }

  /// A vector's values.
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

  /// Adds values to a vector; returns once they are in it.
  func gather(_ vector: Int, _ values: [Double]) throws {
    try order(VectorOrder(.gather, vector)) { values[$0] }
    for server in roles.servers { _ = try answer(of: server) }
  }

  /// Ends the servers' work.
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
