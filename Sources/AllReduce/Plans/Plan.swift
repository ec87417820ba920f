/// How ranks train a network together: a placement for each layer, and the settings of all layers.
///
/// A plan is a value. It is made by name (``dataParallel``, ``modelParallel``, ``hybrid(_:update:)``), by
/// hand from the placement of each layer, or read from a JSON file (``init(file:over:)``). Under every plan
/// a step computes what one rank would with the whole batch.
///
/// ```swift
/// let plan = Plan(layers: ["0": .data, "4": .columns, "6": .rows], grid: GridShape(data: 2, model: 2))
/// ```
public struct Plan: Sendable {
  /// The placements of a network's layers.
  public enum Layers: Equatable, Sendable {
    /// Every layer by data.
    case data
    /// Dense layers in turn by columns and by rows; the others replicated.
    case weights
    /// The layers before the first dense one by data, the others as in `weights`.
    case hybrid
    /// By the layers' paths in the network, such as "3.shortcut.0". Layers that work on single elements, and
    /// batch norm of features that come sharded, may be left out: they take what comes.
    case listed([String: Placement])
  }

  /// The placement of each layer.
  package var layers: Layers
  /// The sizes of the data-parallel and of the model-parallel dimension; nil makes all ranks one group:
  /// data-parallel where every layer is placed by data, else model-parallel.
  package var grid: GridShape?
  /// How an all-gather of examples runs, where it is not one exchange and one turn.
  package var conversions: [ConversionRun]
  /// How gradients become new weights; nil chooses `shared` where ranks share a host, else `sharded`, and
  /// `replicated` where neither is possible.
  public var update: UpdateMode?
  /// How gradients are compressed between hosts.
  public var compression: any GradientCompression
  /// Whether gradients are exchanged while the backward pass still computes others.
  package var overlap: Bool
  /// The largest number of bytes of gradients that are exchanged at once; nil for
  /// ``GradientReducer/defaultBucketBytes(hosts:)``.
  package var bucketBytes: Int?
  /// How often replicas meet, and by which means.
  public var meeting: Meeting

  /// Makes a plan by hand.
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

  /// Makes a plan by hand from the placement of each layer that has weights or mixes elements.
  public init(layers: [String: Placement], grid: GridShape? = nil) {
    self.init(layers: .listed(layers), grid: grid)
  }

  /// Every rank has all weights and its own examples.
  public static var dataParallel: Plan { Plan(layers: .data) }

  /// The ranks of a model group have the same examples, and each a shard of every dense layer: in turn by
  /// columns and by rows, which costs one all-reduce each way for two layers. Shoeybi et al., "Megatron-LM",
  /// 2019.
  public static var modelParallel: Plan { Plan(layers: .weights) }

  /// Data-parallel before the first dense layer: each rank has all weights and its own examples. The dense layers
  /// are sharded. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
  ///
  /// - Parameters:
  ///   - run: The order in which the ranks all-gather their examples.
  ///   - update: When the weights of the layers after the all-gather are updated: every step or every turn.
  /// - Returns: The plan, for any network with a dense layer.
  public static func hybrid(
    _ run: ConversionRun.Order = .scatterInTurn, update: ConversionRun.Update = .step
  ) -> Plan {
    Plan(layers: .hybrid, conversions: [ConversionRun(before: nil, order: run, update: update)])
  }

  /// This plan on a different grid.
  package func on(_ grid: GridShape) -> Plan {
    var plan = self
    plan.grid = grid
    return plan
  }

  /// The grid for a number of ranks.
  ///
  /// - Throws: ``PlanError`` if the grid needs a different number of ranks.
  func grid(ranks: Int) throws -> GridShape {
    let grid = grid ?? (layers == .data ? GridShape(data: ranks) : GridShape(model: ranks))
    try grid.check(ranks: ranks)
    return grid
  }
}
