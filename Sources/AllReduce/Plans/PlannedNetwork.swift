internal import AllReduceMPI
internal import AllReduceNN

/// The layers of a rank, made from the user's layers as a plan places them.
///
/// Dense layers placed by columns or rows become shards, as do dropout and batch norm of sharded features. Each row of
/// layers gets the conversions between its layers. Other single layers are the user's own.
struct PlannedNetwork<Scalar: NetworkScalar & ReducibleScalar> {
  /// The network's root layer on this rank.
  let root: PlannedRow<Scalar>
  /// For each parameter, which ranks hold it, and which have different examples for it.
  let groups: [ObjectIdentifier: ParameterGroups.Kind]

  /// Creates this rank's layers for a resolved plan. Collective over the model group.
  init(_ plan: ResolvedPlan<Scalar>, _ batch: GroupBatch) throws {
    var builder = Builder(batch: batch)
    root = try builder.row(
      plan.layers, end: plan.end, output: plan.output,
      isTransparent: plan.layers.count == 1 && plan.layers[0].path.isEmpty)
    groups = builder.groups
  }

  private struct Builder {
    let batch: GroupBatch
    var groups: [ObjectIdentifier: ParameterGroups.Kind] = [:]

    /// Returns the shape of this rank's part of one example, in a layout.
    private func local(_ shape: Shape, _ layout: Layout) -> Shape {
      guard layout == .featureSharded else { return shape }
      let group = batch.communicator
      return [BlockPartition(count: shape.count, parts: group.size)[group.rank].count]
    }

    mutating func row(
      _ layers: [PlannedLayer<Scalar>], end: Boundary, output: Shape, isTransparent: Bool
    ) throws -> PlannedRow<Scalar> {
      var items: [PlannedRow<Scalar>.Item] = []
      let last = BoundaryExchange<Scalar>(end, of: output, batch)
      for (index, planned) in layers.enumerated() {
        let boundary = BoundaryExchange<Scalar>(planned.boundary, of: planned.input, batch)
        let turns = try planned.run.flatMap {
          $0.order == .atOnce ? nil : try TurnExchange<Scalar>($0, of: planned.input, batch)
        }
        let layer = try layer(planned)
        if let columns = layer as? ColumnShard<Scalar> {
          columns.exchange = turns.map { $0 as any LayoutExchange<Scalar> } ?? boundary.backward
        }
        // A shard by rows writes its addend straight into the memory of the exchange.
        if let rows = items.last?.layer as? RowShard<Scalar> { rows.exchange = boundary.forward }
        if index == layers.count - 1, let rows = layer as? RowShard<Scalar> {
          rows.exchange = last.forward
        }
        items.append(
          PlannedRow.Item(
            name: String(planned.path.split(separator: ".").last ?? ""), layer: layer,
            boundary: boundary, turns: turns, isOwn: planned.takes == .batchSharded,
            input: local(planned.input, planned.takes)))
      }
      return PlannedRow(
        items, end: last, output: local(output, end.taken), batch, isTransparent: isTransparent)
    }

    private mutating func layer(_ planned: PlannedLayer<Scalar>) throws -> any Layer<Scalar> {
      switch planned.content {
      case .row(let layers):
        return try row(
          layers, end: .none(planned.gives),
          output: try planned.layer.outputShape(for: planned.input),
          isTransparent: false)
      case .sum(let body, let shortcut):
        let ways = try [("body", body), ("shortcut", shortcut)].map { name, branch in
          branch.layers.isEmpty
            ? nil
            : try row(
              branch.layers, end: branch.end, output: branch.output,
              isTransparent: branch.layers.count == 1
                && branch.layers[0].path.split(separator: ".").last == Substring(name))
        }
        return Residual(ways[0] ?? planned.layer, shortcut: ways[1])
      case .single(let placement): return single(planned, placement)
      }
    }

    private mutating func single(
      _ planned: PlannedLayer<Scalar>, _ placement: Placement?
    ) -> any Layer<Scalar> {
      if let dense = planned.layer as? Dense<Scalar>, placement == .columns {
        let shard = ColumnShard(dense, over: batch.communicator)
        note(shard.parameters, .sharded)
        return shard
      }
      if let dense = planned.layer as? Dense<Scalar>, placement == .rows {
        let shard = RowShard(dense, over: batch.communicator)
        note([shard.weight], .sharded)
        note(shard.bias.map { [$0] } ?? [], .replicated)
        return shard
      }
      if planned.takes == .featureSharded {
        let group = batch.communicator
        let own = BlockPartition(count: planned.input.count, parts: group.size)[group.rank]
        if let dropout = planned.layer as? Dropout<Scalar> {
          return Dropout(dropout.rate, firstElement: own.lowerBound)
        }
        if let norm = planned.layer as? BatchNorm<Scalar> {
          let shard = BatchNorm(sharding: norm, range: own)
          note(shard.parameters, .sharded)
          return shard
        }
      }
      note(planned.layer.allParameters, placement == .replicated ? .replicated : .data)
      return planned.layer
    }

    private mutating func note(_ parameters: [Parameter<Scalar>], _ group: ParameterGroups.Kind) {
      for parameter in parameters { groups[ObjectIdentifier(parameter)] = group }
    }
  }
}
