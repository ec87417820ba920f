internal import AllReduceMPI
internal import AllReduceNN

/// Layers of which each rank gets a shard, made from whole ones.
///
/// Dense layers take turns: columns, then rows, with what works on single elements between them, so that
/// two of them cost one all-reduce each way. Where something else needs all columns they are gathered.
struct LayerSharding<Scalar: NetworkScalar & ReducibleScalar> {
  /// The layers of this rank.
  private(set) var layers: [any Layer<Scalar>] = []
  /// For each the place of the layer that it is a part of; what gathers columns has that of who wants them.
  private(set) var places: [Int] = []
  /// The first divided layer.
  private(set) var first: ColumnParallelDense<Scalar>?
  /// All columns of what comes out, if each rank has some; nil if all have all.
  private(set) var dividedWidth: Int?

  private let communicator: Communicator

  init(
    _ whole: [any Layer<Scalar>], input: Shape, over communicator: Communicator
  ) throws {
    self.communicator = communicator
    var shape = input
    for (place, layer) in whole.enumerated() {
      let next = try layer.outputShape(for: shape)
      try append(layer)
      places += Array(repeating: place, count: layers.count - places.count)
      shape = next
    }
  }

  private mutating func append(_ layer: any Layer<Scalar>) throws {
    if let dense = layer as? Dense<Scalar> {
      if dividedWidth == nil {
        let part = try ColumnParallelDense(sharding: dense, over: communicator)
        first = first ?? part
        layers.append(part)
        dividedWidth = dense.outputs
      } else {
        layers.append(try RowParallelDense(sharding: dense, over: communicator))
        dividedWidth = nil
      }
    } else if let width = dividedWidth, let dropout = layer as? Dropout<Scalar> {
      let own = BlockPartition(count: width, parts: communicator.size)[communicator.rank]
      layers.append(Dropout(dropout.rate, firstElement: own.lowerBound))
    } else {
      if let width = dividedWidth, !(layer is ActivationLayer<Scalar> || layer is GELU<Scalar>) {
        layers.append(try GatherScatter<Scalar>(width: width, over: communicator))
        dividedWidth = nil
      }
      layers.append(layer)
    }
  }
}
