internal import AllReduceNN

extension PlanResolver {
  /// Stores how each all-gather runs in the layer after it, and throws if the all-gather cannot run so.
  ///
  /// - Returns: The runs, each with the path of its layer filled in.
  func note(
    _ runs: [ConversionRun], in layers: inout [PlannedLayer<Scalar>], output: Layout
  ) throws -> [ConversionRun] {
    try runs.map { run in
      let path = try run.before ?? firstGathering(layers)
      let named = ConversionRun(before: path, order: run.order, update: run.update)
      if run.order == .atOnce, run.update == .turn {
        throw PlanError(
          "Weights cannot change after each turn where examples are gathered at once: choose "
            + "broadcastInTurn or scatterInTurn.")
      }
      guard let index = layers.firstIndex(where: { $0.path == path }) else {
        if run.order == .atOnce, gathers(path, layers) { return named }
        throw PlanError(
          "The plan gathers examples before layer \(path) (\(run.order.rawValue)), but the network has no layer "
            + "\(path) at its top level.")
      }
      let layer = layers[index]
      guard layer.boundary.forward == .gatherExamples else {
        throw PlanError(
          "In front of layer \(title(layer)) nothing gathers examples: it takes \(layer.boundary.taken) "
            + "activations, and was given \(layer.boundary.given) ones.")
      }
      if run.order != .atOnce {
        try check(run, layer, before: layers[..<index], behind: layers[index...], output)
      }
      if layers.contains(where: { $0.run.map { $0.order != .atOnce } ?? false }) {
        throw PlanError(
          "Examples can be gathered in several turns in front of one layer only, not \(path) too.")
      }
      layers[index].run = named
      return named
    }
  }

  private func title(_ layer: PlannedLayer<Scalar>) -> String {
    "\(layer.path) (\(layer.layer.summary))"
  }

  private func gathers(_ path: String, _ layers: [PlannedLayer<Scalar>]) -> Bool {
    PlannedLayer.singles(of: layers).contains {
      $0.path == path && $0.boundary.forward == .gatherExamples
    }
  }

  private func firstGathering(_ layers: [PlannedLayer<Scalar>]) throws -> String {
    let all = PlannedLayer.singles(of: layers)
    if let found = all.first(where: { $0.boundary.forward == .gatherExamples }) {
      return found.path
    }
    throw PlanError(
      "None of the \(all.count) layers is dense: there are no weights to shard over the ranks of a model "
        + "group.")
  }

  /// Checks that examples can be gathered in several turns before `layer`: each turn is a separate pass, with some of
  /// the examples, through all layers after the all-gather.
  private func check(
    _ run: ConversionRun, _ layer: PlannedLayer<Scalar>,
    before front: ArraySlice<PlannedLayer<Scalar>>, behind layers: ArraySlice<PlannedLayer<Scalar>>,
    _ output: Layout
  ) throws {
    func refused(_ reason: String) -> PlanError {
      PlanError(
        "Layer \(title(layer)) cannot use \(run.order.rawValue), which gathers examples in several parts: \(reason)"
      )
    }
    guard case .single(.columns) = layer.content else {
      throw refused("that layer must be placed by columns.")
    }
    if let other = PlannedLayer.singles(of: front).first(where: { $0.gives != .batchSharded }) {
      throw refused("layer \(title(other)) in front of it gives \(other.gives) activations.")
    }
    for other in PlannedLayer.singles(of: layers) {
      if other.boundary.taken == .batchSharded || other.gives == .batchSharded {
        throw refused(
          "layer \(title(other)) after it needs \(Layout.batchSharded) activations, each rank's own examples, but "
            + "in a turn all ranks have the same examples.")
      }
      if other.layer is BatchNorm<Scalar> {
        throw refused(
          "layer \(title(other)) after it needs statistics of the whole batch. Gather atOnce.")
      }
    }
    if output == .batchSharded {
      throw refused(
        "the network's output is \(Layout.batchSharded), each rank's own examples, but in a turn all ranks have "
          + "the same examples.")
    }
  }
}
