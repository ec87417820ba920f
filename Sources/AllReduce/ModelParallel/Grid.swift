public import AllReduceMPI

/// Ranks as a rectangle: those of a row share the weights of a layer, those of a column its data.
///
/// A rank is data index x model size + model index, so that the ranks of a model group are neighbours,
/// mostly of one host: they exchange in every layer, the others once a step.
///
/// ```
///              model 0   model 1
///     data 0   rank 0    rank 1     <- one copy of the model, in two shards
///     data 1   rank 2    rank 3     <- another, for other examples
/// ```
public struct Grid {
  /// All ranks.
  public let world: Communicator
  /// The ranks with the same shard and other examples: gradients are added up over them.
  public let data: Communicator
  /// The ranks with the other shards and the same examples.
  public let model: Communicator

  /// Arranges the ranks. Collective.
  ///
  /// - Parameters:
  ///   - world: All ranks.
  ///   - data: How many model groups there are.
  ///   - model: How many ranks share a model; nil for all that `data` leaves.
  /// - Throws: ``AgreedError`` on every rank, with exit code 64, if they are not as many as there are ranks;
  ///   ``MPIError``.
  public init(_ world: Communicator, data: Int = 1, model: Int? = nil) throws {
    let model = model ?? world.size / max(data, 1)
    try world.requireEqual(data, "data size of the grid")
    try world.requireEqual(model, "model size of the grid")
    try world.agreeing {
      guard data > 0, model > 0, data * model == world.size else {
        throw ModelParallelError(
          description: "A grid of \(data) x \(model) needs \(data * model) ranks, but there "
            + "\(world.size == 1 ? "is 1" : "are \(world.size)").")
      }
    }
    self.world = world
    self.data = try world.split(color: world.rank % model)
    self.model = try world.split(color: world.rank / model)
  }

  /// Which model group this rank is in, from 0.
  public var dataIndex: Int { data.rank }
  /// Which shard this rank has, from 0.
  public var modelIndex: Int { model.rank }
}
