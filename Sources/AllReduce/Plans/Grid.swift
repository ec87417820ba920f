package import AllReduceMPI

/// The size of the data-parallel and of the model-parallel dimension: 2 x 4 is two model groups of four ranks.
public struct GridShape: Hashable, Sendable, CustomStringConvertible {
  /// The number of model groups, which have different examples.
  public let data: Int
  /// The number of ranks of a model group, which hold shards of one copy of the weights.
  public let model: Int

  /// Describes a grid.
  ///
  /// - Precondition: Both are 1 or more.
  public init(data: Int = 1, model: Int = 1) {
    precondition(data > 0 && model > 0, "there is no grid of \(data) x \(model) ranks")
    self.data = data
    self.model = model
  }

  /// "2 x 4".
  public var description: String { "\(data) x \(model)" }

  /// Makes sure that the grid has this many ranks.
  package func check(ranks: Int) throws {
    let (needed, overflows) = data.multipliedReportingOverflow(by: model)
    guard !overflows, needed == ranks else {
      throw PlanError(
        "A grid of \(data) x \(model) needs \(overflows ? "too many" : "\(needed)") ranks, but there "
          + "\(ranks == 1 ? "is 1" : "are \(ranks)").")
    }
  }
}

/// Ranks as a rectangle.
///
/// The ranks of a row hold shards of one copy of the weights; those of a column hold the same shard and different
/// examples. A rank is data index x model size + model index, so that the ranks of a model group are neighbours,
/// mostly of one host: they exchange in every layer, those of a column once a step.
///
/// ```
///              model 0   model 1
///     data 0   rank 0    rank 1     <- one copy of the model, in two shards
///     data 1   rank 2    rank 3     <- another copy, for different examples
/// ```
package struct Grid {
  /// All ranks.
  package let world: Communicator
  /// The ranks with the same shard and different examples: gradients are added up over them.
  package let data: Communicator
  /// The ranks with the other shards of the same copy, and the same examples.
  package let model: Communicator

  /// Arranges the ranks. Collective.
  ///
  /// - Parameters:
  ///   - world: All ranks.
  ///   - shape: How many model groups there are, and of how many ranks.
  /// - Throws: ``AgreedError`` on every rank, with exit code 64, if the grid does not have the number of ranks of
  ///   `world`; ``MPIError``.
  package init(_ world: Communicator, _ shape: GridShape) throws {
    try world.requireEqual(shape.data, "data size of the grid")
    try world.requireEqual(shape.model, "model size of the grid")
    try world.agreeing { try shape.check(ranks: world.size) }
    let model = shape.model
    self.world = world
    self.data = try world.split(color: world.rank % model)
    self.model = try world.split(color: world.rank / model)
  }

  /// Arranges the ranks. Collective.
  ///
  /// - Parameters:
  ///   - world: All ranks.
  ///   - data: The number of model groups.
  ///   - model: The number of ranks of a model group; nil for all that `data` leaves.
  /// - Throws: As ``init(_:_:)``.
  package init(_ world: Communicator, data: Int = 1, model: Int? = nil) throws {
    try self.init(world, GridShape(data: data, model: model ?? max(world.size / data, 1)))
  }

  /// How many model groups there are, and of how many ranks.
  package var shape: GridShape { GridShape(data: data.size, model: model.size) }

  /// The model group of this rank, from 0.
  package var dataIndex: Int { data.rank }
  /// The shard of this rank, from 0.
  package var modelIndex: Int { model.rank }
}
