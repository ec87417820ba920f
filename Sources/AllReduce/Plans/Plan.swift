/// How ranks train a network together: a placement for each layer, and the settings of all layers.
///
/// A plan is a value. It is made by name (``dataParallel``, ``modelParallel``, ``hybrid(_:update:)``), by hand from the
/// placement of each layer, or read from a JSON file (``init(file:over:)``). Whatever the placements are, a step
/// computes what one rank would compute with the whole batch.
///
/// ```swift
/// let plan = Plan(layers: ["0": .data, "4": .columns, "6": .rows], grid: GridShape(data: 2, model: 2))
/// ```
public struct Plan: Sendable {
  /// The placements of a network's layers.
  public enum Layers: Equatable, Sendable {
    /// Every layer is placed by data.
    case data
    /// Dense layers are placed alternately by columns and by rows; the other layers are replicated.
    case weights
    /// The layers before the first dense layer are placed by data, the others as in `weights`.
    case hybrid
    /// The placement of each layer, by its path in the network, such as "3.shortcut.0". Layers that work on single
    /// elements, and batch norm of sharded features, may be left out: they take the layout of the layer before.
    case listed([String: Placement])
  }

  /// The placement of each layer.
  package var layers: Layers
  /// The sizes of the data-parallel and model-parallel dimensions; nil for a purely data-parallel grid if ``layers`` is
  /// ``Layers/data``, otherwise one model group of all ranks.
  package var grid: GridShape?
  /// How all-gathers of examples run, where they do not gather all examples at once.
  package var conversions: [ConversionRun]
  /// How gradients become new weights; nil chooses `shared` if ranks are on the same host, otherwise `sharded`, and
  /// `replicated` where neither is possible.
  public var update: UpdateMode?
  /// How gradients are compressed between hosts.
  public var compression: any GradientCompression
  /// Whether gradients are exchanged while the backward pass computes the remaining ones.
  package var overlap: Bool
  /// The largest number of bytes of a gradient bucket; nil for ``GradientReducer/defaultBucketBytes(hosts:)``.
  package var bucketBytes: Int?
  /// How often replicas synchronize, and how their weights are combined.
  public var meeting: Meeting

  /// Creates a plan from the placements and the settings of all layers.
  public init(
    layers: Layers, grid: GridShape? = nil, conversions: [ConversionRun] = [],
    update: UpdateMode? = nil, compression: any GradientCompression = .none, overlap: Bool = true,
    bucketBytes: Int? = nil, meeting: Meeting = Meeting()
  ) {
    self.layers = layers
    self.grid = grid
    self.conversions = conversions
    self.update = update
    self.compression = compression
    self.overlap = overlap
    self.bucketBytes = bucketBytes
    self.meeting = meeting
  }

  /// Creates a plan from the placement of each layer, by path. Only layers that work on single elements, and batch norm
  /// of sharded features, may be left out.
  public init(layers: [String: Placement], grid: GridShape? = nil) {
    self.init(layers: .listed(layers), grid: grid)
  }

  /// The data-parallel plan: every rank has all weights and its own examples.
  public static var dataParallel: Plan { Plan(layers: .data) }

  /// The model-parallel plan: the ranks of a model group have the same examples, and each rank has a shard of every
  /// dense layer. These are sharded alternately by columns and by rows, which costs one all-reduce in the forward and
  /// one in the backward pass per two layers. Shoeybi et al., "Megatron-LM", 2019.
  public static var modelParallel: Plan { Plan(layers: .weights) }

  /// Returns a plan that is data-parallel before the first dense layer, where each rank has all weights and its own
  /// examples, and that shards the dense layers. Krizhevsky, "One weird trick for parallelizing convolutional neural
  /// networks", 2014.
  ///
  /// - Parameters:
  ///   - run: The order in which the ranks all-gather their examples.
  ///   - update: When the weights of the layers after the all-gather are updated: once per step, or after every turn (a
  ///     part of the ranks' examples that is gathered at a time).
  /// - Returns: The plan, for any network with a dense layer.
  public static func hybrid(
    _ run: ConversionRun.Order = .scatterInTurn, update: ConversionRun.Update = .step
  ) -> Plan {
    Plan(layers: .hybrid, conversions: [ConversionRun(before: nil, order: run, update: update)])
  }

  /// Returns this plan with a different grid.
  package func on(_ grid: GridShape) -> Plan {
    var plan = self
    plan.grid = grid
    return plan
  }

  /// Returns the grid of this plan for a number of ranks.
  ///
  /// - Throws: ``PlanError`` if the grid needs a different number of ranks.
  func grid(ranks: Int) throws -> GridShape {
    let grid = grid ?? (layers == .data ? GridShape(data: ranks) : GridShape(model: ranks))
    try grid.check(ranks: ranks)
    return grid
  }
}
