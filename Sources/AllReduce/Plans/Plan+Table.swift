package import AllReduceMPI
public import AllReduceNN

/// One line of a plan's table: a layer, its placement and its layouts.
package struct PlanLine: Sendable {
  /// The path and summary of the layer, or "input" in the line before the first layer.
  package let layer: String
  /// The placement of the layer's weights; nil for the input.
  package let placement: Placement?
  /// The layout of the layer's input; nil in the line for the network's input.
  package let takes: Layout?
  /// The layout of the layer's output, or of the network's input.
  package let gives: Layout
  /// The name of the exchange before the next layer; nil for none.
  package fileprivate(set) var then: String?
  /// Whether the layer has weights; false for the input.
  package let hasWeights: Bool

  fileprivate var cells: [String] {
    [
      layer, placement.map { "\($0)" } ?? "-", takes.map { "\($0)" } ?? "-", "\(gives)",
      then ?? "-",
    ]
  }
}

/// A plan resolved for a network, as a table.
package struct PlanTable: Sendable {
  /// The plan, with its grid and the placement of each layer filled in.
  package let plan: Plan
  package let grid: GridShape
  /// For each layer with a placement, where its weights are, the layouts, and the exchange before the next layer. If an
  /// exchange comes before the first layer, a line for the input is first.
  package let lines: [PlanLine]
  /// The settings that hold for all layers, as one line of text.
  package let summary: String

  /// The table as text: a header, the ``lines``, and the ``summary``.
  package var text: String {
    let rows = [["layer", "placement", "takes", "gives", "and then"]] + lines.map(\.cells)
    let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
    let texts = rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 2) }.joined()
        + row[4]
    }
    return (texts + [summary]).joined(separator: "\n")
  }
}

extension ResolvedPlan {
  /// The plan as a table.
  var table: PlanTable { PlanTable(plan: plan, grid: grid, lines: lines, summary: summary) }

  private var lines: [PlanLine] {
    var lines: [PlanLine] = []
    for layer in singles {
      if let conversion = layer.boundary.forward.map({ words($0, layer.run) }) {
        if lines.isEmpty {
          lines.append(
            PlanLine(
              layer: "input", placement: nil, takes: nil, gives: layer.boundary.given,
              hasWeights: false))
        }
        lines[lines.count - 1].then = conversion
      }
      guard case .single(.some(let placement)) = layer.content else { continue }
      let title = layer.path.isEmpty ? layer.layer.summary : "\(layer.path) \(layer.layer.summary)"
      lines.append(
        PlanLine(
          layer: title, placement: placement, takes: layer.boundary.taken, gives: layer.gives,
          hasWeights: !layer.layer.allParameters.isEmpty))
    }
    if let conversion = end.forward, !lines.isEmpty {
      lines[lines.count - 1].then = words(conversion, nil)
    }
    return lines
  }

  private func words(_ conversion: Conversion, _ run: ConversionRun?) -> String {
    switch run?.order {
    case .broadcastInTurn: "\(conversion.name), broadcast in turn"
    case .scatterInTurn: "\(conversion.name), scatter in turn"
    case .atOnce, nil: conversion.name
    }
  }

  private var summary: String {
    var words = ["grid \(grid)"]
    if let update = plan.update { words.append("update \(update.rawValue)") }
    words.append(
      plan.compression is any PartialCompression
        ? "compression \(plan.compression.name)" : "wire \(plan.compression.wireFormat)")
    if !plan.overlap { words.append("no overlap") }
    words.append(plan.meeting.summary)
    return words.joined(separator: " · ")
  }
}

extension Plan {
  /// Returns the plan as a table for a network: each layer's placement, the layouts of its input and output, and the
  /// exchange before the next layer.
  ///
  /// - Parameters:
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - ranks: The number of ranks of a replica; if replicas synchronize in every step, the number of all ranks.
  /// - Returns: The lines of the table; the last one ends without a line break.
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError``.
  public func table<Scalar: NetworkScalar>(
    for root: any Layer<Scalar>, input: Shape, ranks: Int
  ) throws -> String {
    try resolved(for: root, input: input, ranks: ranks).text
  }

  /// Same as ``table(for:input:ranks:)``, with the table's parts apart.
  ///
  /// - Parameters:
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - ranks: The number of ranks of a replica.
  ///   - lossTakesShards: Whether the loss can be computed from outputs whose features are sharded.
  /// - Returns: The table, with the plan filled in.
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError``.
  package func resolved<Scalar: NetworkScalar>(
    for root: any Layer<Scalar>, input: Shape, ranks: Int, lossTakesShards: Bool = true
  ) throws -> PlanTable {
    try PlanResolver.resolve(
      self, for: root, input: input, ranks: ranks, lossTakesShards: lossTakesShards
    ).table
  }

  /// Returns the plan as a trainer would run it, with each layer's placement, the grid and the update filled in.
  /// Collective.
  ///
  /// - Parameters:
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - world: All ranks.
  ///   - algorithm: The algorithm that reduces gradients.
  ///   - virtualShards: The same as in ``Trainer``'s initializer.
  ///   - lossTakesShards: Whether the loss can be computed from outputs whose features are sharded.
  ///   - usesNorms: Whether the trainer clips gradients, or its update rule uses norms.
  /// - Returns: The plan, the same on all ranks.
  /// - Throws: ``AgreedError`` on every rank if the plan cannot be carried out.
  package func settled<Scalar: NetworkScalar & ReducibleScalar>(
    for root: any Layer<Scalar>, input: Shape, over world: Communicator,
    algorithm: ReductionAlgorithm = .automatic, virtualShards: Int? = nil,
    lossTakesShards: Bool = true, usesNorms: Bool = false
  ) throws -> Plan {
    try TrainerSetting(
      self, for: root, input: input, ReplicaRanks(meeting, over: world),
      lossTakesShards: lossTakesShards, usesNorms: usesNorms, algorithm: algorithm,
      virtualShards: virtualShards
    ).plan
  }
}
