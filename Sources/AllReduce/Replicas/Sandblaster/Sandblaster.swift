public import AllReduceMPI

/// Minimises a sum over many items by limited-memory BFGS on a whole batch: a coordinator that holds no vectors,
/// servers that hold shards of them, and workers that compute portions of the sum on demand.
///
/// Rank 0 coordinates; the last ranks serve; those between work, or rank 0 itself where there are none. A portion that
/// is still out when no others are left is handed out a second time, and the first result counts. Workers read the
/// point once an evaluation, and push sums of several portions.
///
/// Dean et al., "Large scale distributed deep networks", 2012, call it Sandblaster L-BFGS.
public final class Sandblaster {
  /// Computes a portion: returns its value, and adds its gradient to the gradient.
  public typealias Portion = (
    _ point: [Double], _ items: Range<Int>, _ gradient: inout [Double]
  ) throws -> Double

  /// The result.
  public struct Result: Equatable, Sendable {
    /// The point, the same on all ranks.
    public let point: [Double]
    /// The value there.
    public let value: Double
    /// How often the whole sum was computed.
    package let evaluations: Int
    /// The steps.
    package let steps: Int
    /// The portions that were handed out a second time.
    package let doubled: Int
  }

  /// The portions that a sum is cut into; nil for 8 a worker.
  package var portions: Int?
  /// The portions after which a worker pushes what it has.
  package var pushEvery = 4
  /// The steps that the method keeps (its memory).
  package var history = 10
  /// The largest number of evaluations.
  package var evaluations = 200
  /// Ends when the gradient's norm is no more than this part of the first.
  package var tolerance = 1e-10

  private let world: Communicator
  private let link: Communicator
  private let roles: ServerRoles
  private let workers: Range<Int>
  private let count: Int

  /// Gets ready to minimise a function of this many numbers. Collective.
  ///
  /// - Throws: ``AgreedError`` of a ``PlanError`` if the ranks are too few; ``MPIError``.
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

  /// Minimises a sum. Collective; every rank gives the same arguments.
  ///
  /// - Parameters:
  ///   - start: The point to begin at.
  ///   - items: The number of items of the sum.
  ///   - portion: Computes a portion of the sum.
  /// - Returns: The minimum that was found.
  /// - Throws: The errors of `portion`, which end the job; ``MPIError``.
  public func minimize(
    from start: [Double], items: Int, _ portion: @escaping Portion
  ) throws -> Result {
    precondition(start.count == count, "a point has \(count) numbers, not \(start.count)")
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
        // A server that answers has carried out all earlier orders: workers read the right point.
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
