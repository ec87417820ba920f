package import AllReduceMPI

/// The sizes of the data-parallel and model-parallel dimensions: 2 x 4 is two model groups of four ranks each.
public struct GridShape: Hashable, Sendable, CustomStringConvertible {
  /// The number of model groups, each with different examples.
  public let data: Int
  /// The number of ranks in a model group, over which one copy of the weights is sharded.
  public let model: Int

  /// Creates the shape of a grid from the number of model groups (`data`) and of ranks in each group (`model`).
  ///
  /// - Precondition: `data` and `model` are 1 or more.
  public init(data: Int = 1, model: Int = 1) {
    precondition(
      data > 0 && model > 0, "both sides of a grid must be 1 or more, not \(data) x \(model)")
    self.data = data
    self.model = model
  }

  /// The shape as text, such as "2 x 4".
  public var description: String { "\(data) x \(model)" }

  /// Checks that the grid has exactly `ranks` ranks; throws ``PlanError`` otherwise.
  package func check(ranks: Int) throws {
    let (needed, overflows) = data.multipliedReportingOverflow(by: model)
    guard !overflows, needed == ranks else {
      throw PlanError(
        "A grid of \(data) x \(model) needs \(overflows ? "too many" : "\(needed)") ranks, but there "
          + "\(ranks == 1 ? "is 1" : "are \(ranks)").")
    }
  }
}

/// All ranks, arranged in a data-parallel and a model-parallel dimension.
///
/// The ranks of a row (a model group) hold shards of one copy of the weights. The ranks of a column hold the same shard
/// and have different examples. A rank's number is data index * model size + model index, so the ranks of a model group
/// are adjacent, mostly on one host: they communicate in every layer, the ranks of a column once per step.
///
/// ```
///              model 0   model 1
///     data 0   rank 0    rank 1     <- one copy of the model, in two shards
///     data 1   rank 2    rank 3     <- another copy, for different examples
/// ```
package struct Grid {
  /// The communicator of all ranks of the grid.
  package let world: Communicator
  /// The ranks with the same shard and different examples, over which gradients are summed.
  package let data: Communicator
  /// This rank's model group: its ranks hold the shards of one copy of the weights, and have the same examples.
  package let model: Communicator

  /// Creates a grid of a given shape. Collective.
  ///
  /// - Parameters:
  ///   - world: All ranks.
  ///   - shape: The number of model groups, and the number of ranks in each.
  /// - Throws: ``AgreedError`` on every rank, with exit code 64, if `world` does not have the number of ranks that the
  ///   grid needs; ``MPIError``.
  package init(_ world: Communicator, _ shape: GridShape) throws {
    try world.requireEqual(shape.data, "data size of the grid")
    try world.requireEqual(shape.model, "model size of the grid")
    try world.agreeing { try shape.check(ranks: world.size) }
    let model = shape.model
    self.world = world
    self.data = try world.split(color: world.rank % model)
    self.model = try world.split(color: world.rank / model)
  }

  /// The number of model groups, and the number of ranks in each.
  package var shape: GridShape { GridShape(data: data.size, model: model.size) }

  /// The index of this rank's shard, from 0.
  package var modelIndex: Int { model.rank }
}
