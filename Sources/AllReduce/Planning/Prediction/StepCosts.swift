internal import AllReduceNN

/// The costs of layers and conversions on given machines, for all plans with the same grid and update mode.
struct StepCosts {
  /// The settings that all of these plans have in common.
  struct Setting {
    let profile: MachineProfile
    let grid: GridShape
    let update: UpdateMode
    /// The number of examples per rank.
    let rows: Int
    /// The number of the optimizer's state vectors, each with one element per weight.
    let vectors: Int
    /// The size of a gradient bucket in bytes; nil for ``GradientReducer/defaultBucketBytes(hosts:)``.
    var bucketBytes: Int?
    var overlaps = true
    /// The number of examples that layers with sharded weights process at once; nil for all examples of the model
    /// group.
    var groupRows: Int?
    /// The fraction of a gradient's bytes that is sent to other hosts; less than 1 for a 16-bit wire format.
    var wireShare = 1.0
  }

  let setting: Setting
  let allRanks: RankGroup
  private let data: RankGroup
  let model: RankGroup
  private var known: [LayerKey: LayerCost] = [:]

  private struct LayerKey: Hashable {
    let layer: String
    let input: Shape
    let placement: Placement?
    let takes: Layout
    let needsInputGradient: Bool
  }

  init(_ setting: Setting) {
    self.setting = setting
    let (grid, hosts) = (setting.grid, setting.profile.ranksPerHost)
    allRanks = RankGroup(count: grid.data * grid.model, stride: 1, ranksPerHost: hosts)
    data = RankGroup(count: grid.data, stride: grid.model, ranksPerHost: hosts)
    model = RankGroup(count: grid.model, stride: 1, ranksPerHost: hosts)
  }

  private var profile: MachineProfile { setting.profile }
  var overlap: MachineProfile.Overlap { profile.overlap }

  /// Returns the number of examples that a rank processes in a layer that takes this layout.
  func rows(_ layout: Layout) -> Int {
    layout == .batchSharded
      ? setting.rows : setting.groupRows ?? setting.rows * setting.grid.model
  }

  // MARK: Conversions

  /// Returns the cost of an exchange of a batch's activations, or of their gradients.
  ///
  /// - Parameters:
  ///   - conversion: The conversion; nil for none.
  ///   - shape: The shape of one example, with all features.
  ///   - turns: The number of turns: parts of the group's examples that are exchanged one after the other.
  /// - Returns: The seconds, bytes and memory; of one turn, if there are several.
  func conversion(
    _ conversion: Conversion?, of shape: Shape, turns: Int = 1
  ) -> LayerCost.ConversionCost {
    var cost = LayerCost.ConversionCost()
    let size = setting.grid.model
    guard let conversion, size > 1 else { return cost }
    let kind = conversion.exchange
    var whole = 4 * Double(rows(.replicated) / turns * shape.count)
    if kind == .allToAll { whole /= Double(size) }
    cost.memory = whole
    guard let kind else {
      cost.seconds = 2 * whole / Double(size) / profile.compute.memoryBytesPerSecond
      return cost
    }
    cost.seconds = profile.seconds(kind, bytes: whole, over: model)
    cost.usesLink = model.hosts > 1
    cost.bytes = bytes(kind, whole, model)
    return cost
  }

  /// Returns the number of bytes that a rank sends to other hosts, as the mean over the group.
  private func bytes(_ kind: ExchangeKind, _ whole: Double, _ group: RankGroup) -> Double {
    if group.hosts < 2 { return 0 }
    if kind == .allReduce, group.hosts < group.ranks {
      return kind.volume(ranks: group.hosts) * whole * Double(group.hosts) / Double(group.ranks)
    }
    let sent = kind.volume(ranks: group.ranks) * whole
    // Around a ring, only the last rank of each host sends to another host.
    return group.hosts == group.ranks
      ? sent : sent * Double(group.hosts) / Double(group.ranks)
  }

  // MARK: Layers

  /// Returns the cost of a layer with a placement, including the conversions before it.
  mutating func cost(
    of planned: PlannedLayer<Float>, placement: Placement?, needsInputGradient: Bool
  ) -> LayerCost {
    let key = LayerKey(
      layer: planned.layer.summary, input: planned.input, placement: placement,
      takes: planned.takes, needsInputGradient: needsInputGradient)
    var cost: LayerCost
    if let found = known[key] {
      cost = found
    } else {
      cost = self.cost(
        of: planned.layer, planned.input, placement, planned.takes, needsInputGradient)
      known[key] = cost
    }
    cost.forwardConversion = conversion(planned.boundary.forward, of: planned.input)
    cost.backwardConversion =
      needsInputGradient
      ? conversion(planned.boundary.backward, of: planned.input) : LayerCost.ConversionCost()
    // Messages progress if gradients are reported in pieces.
    cost.sendsEarly = placement == .columns && setting.overlaps && data.hosts > 1
    let converted = cost.forwardConversion.memory + cost.backwardConversion.memory
    cost.memory += converted
    cost.activationBytes += converted
    return cost
  }

  private func cost(
    of layer: any Layer<Float>, _ input: Shape, _ placement: Placement?, _ takes: Layout,
    _ needsInputGradient: Bool
  ) -> LayerCost {
    var cost = LayerCost()
    let local = local(layer, input, placement, takes)
    let rows = rows(takes)
    cost.passes = profile.compute.seconds(of: local.layer, input: local.input, rows: rows)
    if !needsInputGradient { cost.passes.inputGradient = 0 }
    if let work = try? local.layer.work(for: local.input) {
      var kept = work.keptElements
      if !needsInputGradient { kept -= min(kept, Double(local.input.count)) }
      cost.memory = 4 * kept * Double(rows)
      cost.activationBytes = cost.memory
    }
    let ranks = takes == .batchSharded ? allRanks : data
    let channels =
      Double(layer.normalizedChannels) / (takes == .featureSharded ? Double(setting.grid.model) : 1)
    if channels > 0 {
      // Sums and sums of squares, with the number of examples; and, backwards, of the gradients.
      cost.statistics.forward = profile.seconds(
        .allReduce, bytes: 4 * (2 * channels + 1), over: ranks)
      if needsInputGradient {
        cost.statistics.backward = profile.seconds(.allReduce, bytes: 8 * channels, over: ranks)
      }
    }
    let groups: [(ParameterGroups.Kind, Int)] =
      switch placement {
      case .columns: [(.sharded, local.parameters)]
      case .rows:
        [(.sharded, local.parameters - local.bias), (.replicated, local.bias)]
      case .replicated: [(.replicated, local.parameters)]
      case .data: [(.data, local.parameters)]
      case nil: [(takes == .featureSharded ? .sharded : .data, local.parameters)]
      }
    for (kind, count) in groups where count > 0 { add(kind, count, to: &cost) }
    return cost
  }

  /// Returns a rank's shard of a layer, or the whole layer if it is not sharded; the shape of its input; and its
  /// numbers of parameters and, for a layer sharded by rows, of bias elements.
  private func local(
    _ layer: any Layer<Float>, _ input: Shape, _ placement: Placement?, _ takes: Layout
  ) -> (layer: any Layer<Float>, input: Shape, parameters: Int, bias: Int) {
    let size = setting.grid.model
    func share(_ count: Int) -> Int { (count + size - 1) / size }
    if let dense = layer as? Dense<Float>, placement == .columns || placement == .rows {
      let (inputs, outputs) =
        placement == .columns
        ? (dense.inputs, share(dense.outputs)) : (share(dense.inputs), dense.outputs)
      let bias = dense.bias == nil ? 0 : outputs
      return (
        Dense(inputs: inputs, outputs: outputs, bias: bias > 0), [inputs],
        inputs * outputs + bias, placement == .rows ? bias : 0
      )
    }
    let parameters = layer.allParameters.reduce(0) { $0 + $1.shape.count }
    if takes == .featureSharded {
      return (layer, [share(input.count)], share(parameters), 0)
    }
    return (layer, input, parameters, 0)
  }

  // MARK: From gradients to weights

  private func add(_ kind: ParameterGroups.Kind, _ count: Int, to cost: inout LayerCost) {
    let bytes = 4 * Double(count)
    let memory = profile.compute.memoryBytesPerSecond
    let copies = kind == .sharded ? data : allRanks
    let sum = kind == .data ? allRanks : data
    let mode = copies.ranks == 1 ? .replicated : setting.update
    /// The number of reads and writes of an update per weight: of the weight itself and of its elements of the state.
    let touched = 2 * Double(setting.vectors + 1)
    let local = Double((copies.ranks + copies.hosts - 1) / copies.hosts)
    let bucket = Double(
      setting.bucketBytes ?? GradientReducer<Float>.defaultBucketBytes(hosts: sum.hosts))
    let size = setting.overlaps ? min(bucket, bytes) : bytes
    /// Neighbouring layers fill buckets too, so a part of a bucket costs the same part of its time.
    func bucketed(_ kind: ExchangeKind, _ group: RankGroup) -> Double {
      guard setting.overlaps else { return profile.seconds(kind, bytes: bytes, over: group) }
      return profile.seconds(kind, bytes: bucket, over: group) * bytes / bucket
    }
    func exchange(_ kind: ExchangeKind, _ group: RankGroup) {
      let share = group.hosts > 1 ? setting.wireShare : 1
      cost.exchange += bucketed(kind, group) * share
      cost.exchangeBytes += self.bytes(kind, bytes, group) * share
      cost.overlaps = setting.overlaps && group.hosts > 1
      cost.piece = size / bytes
    }
    var remembered = Double(setting.vectors)
    cost.parameters += count
    switch mode {
    case .replicated:
      if sum.ranks > 1 { exchange(.allReduce, sum) }
      cost.update += bytes * (touched + (sum.ranks > 1 ? 1 : 0)) / memory
    case .sharded where copies.hosts > 1:
      exchange(copies.ranks == sum.ranks ? .reduceScatter : .allReduce, sum)
      cost.update += bytes / Double(copies.ranks) * (touched + 1) / memory
      cost.gather += bucketed(.allGather, copies)
      cost.gatherBytes += self.bytes(.allGather, bytes, copies)
      remembered /= Double(copies.ranks)
    case .sharded, .shared:
      if sum.hosts > 1 { exchange(.allReduce, sum) }
      let sources = sum.hosts > 1 ? 1 : Double(sum.ranks)
      let copied = mode == .shared && setting.grid.model == 1 ? 0 : local
      cost.update += bytes / local * (touched + sources + copied) / memory
      remembered /= local
      if mode == .shared, setting.grid.model == 1 { cost.memory -= bytes * (1 - 1 / local) }
    }
    cost.memory += bytes * (2 + remembered)
  }
}

// MARK: The loss

extension StepCosts {
  /// Returns the seconds of the all-reduce of the ranks' totals of a step, with the loss computed in this layout; 0 if
  /// they travel with the first gradients, as with a replicated update, or all ranks have the same.
  func totalsSeconds(_ layout: Layout) -> Double {
    guard setting.update != .replicated, setting.grid.data > 1 || layout == .batchSharded else {
      return 0
    }
    return setting.profile.seconds(.allReduce, bytes: 64, over: allRanks)
  }

  /// Returns the seconds of the loss, and of its exchanges if outputs are sharded.
  func lossSeconds(_ layout: Layout, classes: Int) -> Double {
    let rows = Double(rows(layout))
    var seconds = 0.0
    if layout == .featureSharded {
      seconds += setting.profile.seconds(.allReduce, bytes: 4 * rows, over: model)
      seconds += setting.profile.seconds(.allReduce, bytes: 12 * rows, over: model)
    }
    let share = layout == .featureSharded ? setting.grid.model : 1
    return seconds + 24 * rows * Double(classes) / Double(share)
      / setting.profile.compute.memoryBytesPerSecond
  }

  /// The seconds that ranks which have their own examples need to send each other the classes of these examples.
  var labelSeconds: Double {
    setting.profile.seconds(.allGather, bytes: 8 * Double(rows(.replicated)), over: model)
  }
}

extension Layer {
  /// The number of channels whose statistics this layer and the layers below it sum over the ranks.
  fileprivate var normalizedChannels: Int {
    let own = (self as? BatchNorm<Scalar>)?.weight.shape.count ?? 0
    return children.reduce(own) { $0 + $1.layer.normalizedChannels }
  }
}
