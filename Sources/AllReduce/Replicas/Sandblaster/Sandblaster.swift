public import AllReduceMPI

/// Minimizes a sum over many items by limited-memory BFGS on the whole batch. A coordinator, which holds no vectors,
/// directs servers that hold shards of the vectors, and workers that compute portions of the sum on demand.
///
/// Rank 0 is the coordinator; the last ranks are servers; the ranks between are workers, or rank 0 itself computes if
/// there are none between. When all portions have been assigned, those without a result are assigned a second time, and
/// the first result counts. Workers read the point once per evaluation, and push the summed gradients of several
/// portions at a time.
///
/// Dean et al., "Large scale distributed deep networks", 2012, call this method Sandblaster L-BFGS.
public final class Sandblaster {
  /// Computes a portion of the sum at a point: returns the portion's value, and adds its gradient to `gradient`.
  public typealias Portion = (
    _ point: [Double], _ items: Range<Int>, _ gradient: inout [Double]
  ) throws -> Double

  /// The result of a minimization.
  public struct Result: Equatable, Sendable {
    /// The point that was found, the same on all ranks.
    public let point: [Double]
    /// The value of the sum at ``point``.
    public let value: Double
    /// The number of evaluations of the whole sum.
    package let evaluations: Int
    /// The number of steps of the method.
    package let steps: Int
    /// The number of portions that were assigned a second time.
    package let doubled: Int
  }

  /// The number of portions that the sum is divided into; nil for 8 per worker.
  package var portions: Int?
  /// The number of portions after which a worker pushes their summed gradients.
  package var pushEvery = 4
  /// The number of steps that the method keeps (its memory).
  package var history = 10
  /// The largest number of evaluations of the whole sum.
  package var evaluations = 200
  /// The minimization ends when the norm of the gradient is at most this fraction of its first norm.
  package var tolerance = 1e-10

  private let world: Communicator
  private let link: Communicator
  private let roles: ServerRoles
  private let workers: Range<Int>
  private let count: Int

  /// Prepares to minimize a function of `count` numbers. Collective.
  ///
  /// - Throws: ``AgreedError`` of a ``PlanError`` if there are too few ranks, or `servers` is not from 1 to `count`;
  ///   ``MPIError``.
  public init(count: Int, over world: Communicator, servers: Int = 1) throws {
    (self.world, self.count) = (world, count)
    roles = try world.agreeing {
      guard servers >= 1 else {
        throw PlanError("Sandblaster needs 1 server or more, not \(servers).")
      }
      return try ServerRoles(ranks: world.size, servers: servers, elements: 0..<count)
    }
    workers = (roles.workers.count == 1 ? 0 : 1)..<roles.workers.upperBound
    link = try world.duplicate()
  }

  /// Minimizes a sum. Collective; every rank must pass the same arguments.
  ///
  /// - Parameters:
  ///   - start: The point to start from.
  ///   - items: The number of items in the sum.
  ///   - portion: Computes a portion of the sum.
  /// - Returns: The minimum that was found.
  /// - Throws: The errors of `portion`, which end the job; ``MPIError``.
  public func minimize(
    from start: [Double], items: Int, _ portion: @escaping Portion
  ) throws -> Result {
    precondition(start.count == count, "the start must have \(count) numbers, not \(start.count)")
    let blocks = BlockPartition(count: items, parts: max(1, portions ?? 8 * workers.count))
    let vectors = ShardedVectors(roles, over: link)
    var point = start
    var figures = [0.0, 0, 0, 0]
    if let shard = roles.shard(of: world.rank) {
      try VectorServer(count: roles.shards[shard].count, over: link).serve()
    } else if world.rank > 0 {
      try PortionWorker(vectors, count: count, over: link).work(blocks, portion)
    } else {
      let crew = PortionCrew(workers, pushEvery: pushEvery, over: link)
      let own = PortionWorker(vectors, count: count, over: link)
      var method = LimitedMemoryBFGS(vectors, history: history)
      var limits = LimitedMemoryBFGS.Limits()
      (limits.evaluations, limits.gradient) = (evaluations, tolerance)
      try vectors.write(LimitedMemoryBFGS.Vector.point, start)
      let value = try method.minimize(limits) {
        // Once every server has answered, it has carried out all earlier orders, so workers read the new point.
        _ = try vectors.dot(LimitedMemoryBFGS.Vector.point, LimitedMemoryBFGS.Vector.point)
        return workers.first == 0
          ? try own.computeAll(blocks, portion) : try crew.compute(portions: blocks.count)
      }
      if workers.first != 0 { try crew.stop() }
      try vectors.read(LimitedMemoryBFGS.Vector.point, into: &point)
      try vectors.stop()
      figures = [value, Double(method.evaluations), Double(method.steps), Double(crew.doubled)]
    }
    try world.broadcast(&point, from: 0)
    try world.broadcast(&figures, from: 0)
    return Result(
      point: point, value: figures[0], evaluations: Int(figures[1]), steps: Int(figures[2]),
      doubled: Int(figures[3]))
  }
}
