internal import AllReduceMPI
internal import AllReduceNN

/// The bytes that each rank sends to other hosts in a step with a plan. A run counts them as `network_bytes_sent`.
///
/// The count holds for steps without gradient clipping, with an update rule that needs no norms, and with uncompressed
/// gradients.
struct PlanTraffic {
  private let resolved: ResolvedPlan<Float>
  private let update: UpdateMode
  private let plan: Plan
  private let rows: Int
  private var count: TrafficCount

  private var grid: GridShape { resolved.grid }

  /// Counts the bytes of a step.
  ///
  /// - Parameters:
  ///   - resolved: The resolved plan.
  ///   - plan: The same plan, with the choices that were left open filled in.
  ///   - rows: The number of examples per rank.
  ///   - ranksPerHost: The number of ranks on each host.
  /// - Returns: One number of bytes for each rank.
  static func bytes(
    _ resolved: ResolvedPlan<Float>, _ plan: Plan, rows: Int, ranksPerHost: [Int]
  ) -> [Int] {
    var traffic = PlanTraffic(resolved, plan, rows, ranksPerHost)
    traffic.countActivations()
    traffic.countGradients()
    return traffic.count.bytes
  }

  private init(
    _ resolved: ResolvedPlan<Float>, _ plan: Plan, _ rows: Int, _ ranksPerHost: [Int]
  ) {
    (self.resolved, self.plan, self.rows) = (resolved, plan, rows)
    update = plan.update ?? .replicated
    count = TrafficCount(ranksPerHost: ranksPerHost)
  }

  // MARK: Ranks

  private var world: [Int] { Array(0..<grid.data * grid.model) }
  private var models: [[Int]] {
    (0..<grid.data).map { data in (0..<grid.model).map { data * grid.model + $0 } }
  }
  private func dataGroup(_ model: Int) -> [Int] {
    (0..<grid.data).map { $0 * grid.model + model }
  }

  // MARK: Activations

  private mutating func countActivations() {
    if resolved.isDataParallel { return countStatistics(StepElement.list(of: resolved)) }
    let elements = StepElement.list(of: resolved)
    let firstLearning = elements.firstIndex { $0.learns } ?? elements.count
    let cut = elements.firstIndex { ($0.layer?.run?.order ?? .atOnce) != .atOnce }
    for group in models {
      if resolved.input == .batchSharded {
        count.other(.allGather, grid.model * (1 + rows), stride: 8, over: group)
      }
      for (index, element) in elements.enumerated() {
        let isBehind = cut.map { index > $0 } ?? false
        if index == cut, let layer = element.layer {
          inTurns(layer, element.shape, needsGradient: index > firstLearning, group)
          continue
        }
        let times = isBehind ? turns : 1
        // The group's examples are divided equally among the turns.
        let share = isBehind ? rows : rows * grid.model
        for _ in 0..<times {
          convert(element.boundary.forward, element.shape, share, group, isBackward: false)
          if index > firstLearning {
            convert(element.boundary.backward, element.shape, share, group, isBackward: true)
          }
        }
      }
      if resolved.end.taken == .featureSharded {
        let share = cut == nil ? rows * grid.model : rows
        for _ in 0..<(cut == nil ? 1 : turns) {
          count.allReduce(share, over: group, .array)
          count.allReduce(3 * share, over: group, .array)
        }
      }
    }
    countStatistics(elements)
  }

  private var turns: Int { grid.model }

  private mutating func inTurns(
    _ layer: PlannedLayer<Float>, _ shape: Shape, needsGradient: Bool, _ group: [Int]
  ) {
    let order = layer.run?.order ?? .atOnce
    for turn in order.turns(Array(repeating: rows, count: group.count)) {
      if let root = turn.root {
        count.other(.broadcast(root: root), turn.count * shape.count, over: group)
        if needsGradient {
          count.other(.reduce(root: root), turn.count * shape.count, over: group)
        }
      } else {
        let capacity = group.count * turn.most * shape.count
        count.other(.allGather, capacity, over: group)
        if needsGradient { count.other(.reduceScatter, capacity, over: group) }
      }
    }
  }

  /// Counts a conversion, whose blocks are those of ``ConversionExchange``.
  private mutating func convert(
    _ conversion: Conversion?, _ shape: Shape, _ groupRows: Int, _ group: [Int], isBackward: Bool
  ) {
    guard let conversion, group.count > 1 else { return }
    let size = group.count
    let columns = BlockPartition(count: shape.count, parts: size)[0].count
    let own = groupRows / size
    // The elements of a block that is cut or joined along one dimension.
    let block =
      (conversion.cut ?? conversion.join) == .features ? groupRows * columns : own * shape.count
    switch conversion.exchange {
    case .allGather: count.other(.allGather, block * size, over: group)
    case .reduceScatter: count.other(.reduceScatter, block * size, over: group)
    case .allToAll: count.other(.allToAll, own * columns * size * 2, over: group)
    case .allReduce: count.allReduce(groupRows * shape.count, over: group)
    case nil: break
    }
  }

  /// Counts batch norm's sums over ranks with different examples, assuming that the batch's mean is near the running
  /// mean, so that no rank sums twice.
  private mutating func countStatistics(_ elements: [StepElement]) {
    let firstLearning = elements.firstIndex { $0.learns } ?? elements.count
    for (index, element) in elements.enumerated() {
      guard let layer = element.layer, layer.layer is BatchNorm<Float> else { continue }
      let channels = layer.input[-1]
      for model in 0..<grid.model {
        let isSharded = layer.takes == .featureSharded
        let own =
          isSharded
          ? BlockPartition(count: channels, parts: grid.model)[model].count : channels
        if layer.takes == .batchSharded, model > 0 { continue }
        let group = layer.takes == .batchSharded ? world : dataGroup(model)
        count.allReduce(2 * own + 1, over: group, .array)
        if index > firstLearning { count.allReduce(2 * own, over: group, .array) }
      }
    }
  }

  // MARK: Gradients

  private mutating func countGradients() {
    for model in 0..<grid.model {
      let parts = self.parts(model)
      for (number, part) in parts.enumerated() {
        // What all ranks exchange is counted once; shards and copies are exchanged among ranks with the same place in
        // their model groups.
        if part.kind == .data, model > 0 { continue }
        exchange(part, model, header: number == 0 ? 0..<parts[0].start : 0..<0)
      }
    }
    guard !resolved.isDataParallel else { return }
    let kinds = parts(0)
    let totalsAreOfAll = kinds[0].kind == .data
    if resolved.end.taken == .batchSharded, !totalsAreOfAll {
      for group in models { count.allReduce(3, stride: 8, over: group, .array) }
    }
  }

  private struct Part {
    let kind: ParameterGroups.Kind
    let start: Int
    let end: Int
    let parameters: [Range<Int>]
  }

  /// Returns the ranges of a rank's flat memory, by the group of ranks that exchanges each range.
  private func parts(_ model: Int) -> [Part] {
    var all: [(parameter: Parameter<Float>, kind: ParameterGroups.Kind)] = []
    for element in StepElement.list(of: resolved) {
      guard let layer = element.layer else { continue }
      all += parameters(of: layer, element.placement, model)
    }
    let groups = Dictionary(grouping: all) { $0.kind.rawValue }
    let ordered = groups.keys.sorted(by: >).flatMap { groups[$0] ?? [] }
    let layout = ParameterLayout(ordered.map(\.parameter), reserved: 16)
    let kinds = Array(ordered.map(\.kind).reversed())
    var starts: [(kind: ParameterGroups.Kind, start: Int)] = []
    for (kind, range) in zip(kinds, layout.ranges) where starts.last?.kind != kind {
      starts.append((kind, range.lowerBound))
    }
    if starts.isEmpty { starts = [(.data, layout.reserved)] }
    let ends = starts.dropFirst().map(\.start) + [layout.count]
    return zip(starts, ends).map { first, end in
      Part(
        kind: first.kind, start: first.start, end: end,
        parameters: layout.ranges.filter { $0.lowerBound >= first.start && $0.upperBound <= end })
    }
  }

  private func parameters(
    of layer: PlannedLayer<Float>, _ placement: Placement?, _ model: Int
  ) -> [(parameter: Parameter<Float>, kind: ParameterGroups.Kind)] {
    func shard(_ parameter: Parameter<Float>, _ dimension: Int) -> Parameter<Float> {
      let range = BlockPartition(count: parameter.shape[dimension], parts: grid.model)[model]
      return Parameter(
        parameter.name,
        shard: ParameterShard(of: parameter.shape, dimension: dimension, range: range),
        initialization: parameter.initialization, decays: parameter.decays)
    }
    if let dense = layer.layer as? Dense<Float>, placement == .columns || placement == .rows {
      let bias = dense.bias.map { [$0] } ?? []
      return placement == .columns
        ? ([dense.weight] + bias).map { (shard($0, 0), .sharded) }
        : [(shard(dense.weight, 1), .sharded)] + bias.map { ($0, .replicated) }
    }
    let all = layer.layer.allParameters
    if layer.takes == .featureSharded, layer.layer is BatchNorm<Float> {
      return all.map { (shard($0, 0), .sharded) }
    }
    return all.map { ($0, placement == .replicated ? .replicated : .data) }
  }

  private mutating func exchange(_ part: Part, _ model: Int, header: Range<Int>) {
    let copies = part.kind == .sharded ? dataGroup(model) : world
    let sum = part.kind == .data ? world : dataGroup(model)
    // The gradients of replicated parameters are summed over ranks with the same place, and their new values gathered
    // over all.
    let isFirst = part.kind == .sharded || model == 0
    let mode = copies.count == 1 ? .replicated : update
    let copyHosts = count.hostNumbers(of: copies).count
    let sumHosts = count.hostNumbers(of: sum).count
    if mode == .replicated {
      let all = header.isEmpty ? part.start..<part.end : header.lowerBound..<part.end
      for bucket in buckets(all, hosts: sumHosts) { count.allReduce(bucket.count, over: sum) }
      return
    }
    let isInBlocks = mode == .sharded && copyHosts > 1
    if isInBlocks {
      let buckets = buckets(part.start..<part.end, hosts: sumHosts)
      for bucket in buckets {
        if copies.count == sum.count {
          count.other(.reduceScatter, bucket.count, over: sum)
        } else {
          count.allReduce(bucket.count, over: sum)
        }
        if isFirst { count.other(.allGather, bucket.count, over: copies) }
      }
    } else if sumHosts > 1 {
      for bucket in buckets(part.start..<part.end, hosts: sumHosts) {
        count.ontoHosts(bucket.count, over: sum)
      }
    }
    count.allReduce(header.count, over: sum)
  }

  private func buckets(_ range: Range<Int>, hosts: Int) -> [Range<Int>] {
    let bytes =
      plan.overlap
      ? plan.bucketBytes ?? GradientReducer<Float>.defaultBucketBytes(hosts: hosts)
      : range.count * 4
    return GradientBuckets(
      range, parts: [], bucketCount: bytes / 4, perLine: 16
    ).ranges
  }
}
