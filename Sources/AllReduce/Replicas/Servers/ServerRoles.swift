internal import AllReduceMPI

/// The roles of the ranks: the last ranks are servers, each with one shard of the weights; the others are workers.
/// Without servers, all ranks are workers.
package struct ServerRoles: Equatable, Sendable {
  /// The ranks that compute gradients.
  package let workers: Range<Int>
  /// The ranks that hold the weights.
  package let servers: Range<Int>
  /// For each server, the range of elements of the flat memory that it holds.
  package let shards: [Range<Int>]

  /// Divides the ranks into workers and servers, and the elements into equal shards.
  ///
  /// - Parameters:
  ///   - ranks: The number of all ranks.
  ///   - servers: The number of ranks that serve.
  ///   - elements: The elements to shard.
  /// - Throws: ``PlanError`` if no worker would be left, or a shard would be empty.
  package init(ranks: Int, servers: Int, elements: Range<Int>) throws(PlanError) {
    try ServerRoles.check(ranks: ranks, servers: servers)
    guard servers > 0 else {
      self.init(ranks: ranks, shards: [])
      return
    }
    guard servers <= elements.count else {
      throw PlanError("\(elements.count) numbers cannot be sharded over \(servers) servers.")
    }
    let blocks = BlockPartition(count: elements.count, parts: servers)
    self.init(
      ranks: ranks,
      shards: blocks.map {
        elements.lowerBound + $0.lowerBound..<elements.lowerBound + $0.upperBound
      })
  }

  /// Assigns the given shards to the last ranks, in order.
  package init(ranks: Int, shards: [Range<Int>]) {
    precondition(
      shards.count < ranks, "there must be fewer shards than ranks, \(ranks), not \(shards.count)")
    workers = 0..<ranks - shards.count
    servers = workers.upperBound..<ranks
    self.shards = shards
  }

  /// Checks that at least one of the ranks is left as a worker.
  ///
  /// - Throws: ``PlanError`` if none is.
  static func check(ranks: Int, servers: Int) throws(PlanError) {
    guard servers < ranks else {
      throw PlanError(
        "\(servers) \(servers == 1 ? "server leaves" : "servers leave") no worker of \(ranks) "
          + "\(ranks == 1 ? "rank" : "ranks"): start \(servers + 1) ranks or more, or ask for fewer servers."
      )
    }
  }

  /// Returns the number of the shard that a rank serves; nil for a worker.
  package func shard(of rank: Int) -> Int? {
    servers.contains(rank) ? rank - servers.lowerBound : nil
  }
}
