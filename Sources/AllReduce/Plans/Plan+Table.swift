package import AllReduceMPI
public import AllReduceNN

/// A line of a plan's table.
package struct PlanLine: Sendable {
  /// The layer, by its path and summary; "input" in front of the first.
  package let layer: String
  /// Where its weights are; nil for the input.
  package let placement: Placement?
  /// The layout that it takes; nil for the input.
  package let takes: Layout?
  /// The layout that it gives.
  package let gives: Layout
  /// The exchange before the next layer; nil for none.
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

extension ResolvedPlan {
  /// A line for each layer with a placement: where its weights are, the layouts, and the exchange before the next
  /// layer.
  var lines: [PlanLine] {
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

  /// ``lines`` as text, then what holds for all.
  var table: String {
    let rows = [["layer", "placement", "takes", "gives", "and then"]] + lines.map(\.cells)
    let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
    let texts = rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count + 2) }.joined()
        + row[4]
    }
    return (texts + [summary]).joined(separator: "\n")
  }

  private func words(_ conversion: Conversion, _ run: ConversionRun?) -> String {
    switch run?.order {
    case .broadcastInTurn: "\(conversion.name), broadcast in turn"
    case .scatterInTurn: "\(conversion.name), scatter in turn"
    case .atOnce, nil: conversion.name
    }
  }

  /// The settings of all layers.
  var summary: String {
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
  /// The plan as a table for a network: each layer's placement, the layouts that it takes and gives, and the
  /// exchange before the next layer.
  ///
  /// - Parameters:
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - ranks: The ranks of a replica: all of them, where replicas meet in every step.
  /// - Returns: Lines, the last without a break.
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError``.
  public func table<Scalar: NetworkScalar>(
    for root: any Layer<Scalar>, input: Shape, ranks: Int
  ) throws -> String {
    try PlanResolver.resolve(self, for: root, input: input, ranks: ranks, lossTakesShards: true)
      .table
  }

  /// The lines of ``table(for:input:ranks:)``, what holds for all layers, and the ranks of a model group.
  ///
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError``.
  package func lines<Scalar: NetworkScalar>(
    for root: any Layer<Scalar>, input: Shape, ranks: Int
  ) throws -> (lines: [PlanLine], summary: String, grid: GridShape) {
    let resolved = try PlanResolver.resolve(
      self, for: root, input: input, ranks: ranks, lossTakesShards: true)
    return (resolved.lines, resolved.summary, resolved.grid)
  }

  /// The plan with the placement of each layer of a network written out, and the grid.
  ///
  /// - Throws: ``PlanError`` if the plan cannot be carried out; ``ShapeError``.
  package func writtenOut<Scalar: NetworkScalar>(
    for root: any Layer<Scalar>, input: Shape, ranks: Int
  ) throws -> Plan {
    try PlanResolver.resolve(self, for: root, input: input, ranks: ranks, lossTakesShards: true)
      .plan
  }

  /// The plan as it would run: with each layer's placement, the grid, and the update. Collective.
  ///
  /// - Parameters:
  ///   - root: The network's layers.
  ///   - input: The shape of one example's input.
  ///   - world: All ranks.
  ///   - algorithm: How gradients travel.
  ///   - virtualShards: As in ``Trainer``'s initializer.
  ///   - usesNorms: Whether the trainer clips, or its rule uses norms.
  /// - Returns: The same on all ranks.
  /// - Throws: ``AgreedError`` on every rank if the plan cannot be carried out.
  package func settled<Scalar: NetworkScalar & ReducibleScalar>(
    for root: any Layer<Scalar>, input: Shape, over world: Communicator,
    algorithm: ReductionAlgorithm = .automatic, virtualShards: Int? = nil,
    usesNorms: Bool = false
  ) throws -> Plan {
    try TrainerSetting(
      self, for: root, input: input, ReplicaRanks(meeting, over: world), lossTakesShards: true,
      usesNorms: usesNorms, algorithm: algorithm, virtualShards: virtualShards
    ).plan
  }
}
