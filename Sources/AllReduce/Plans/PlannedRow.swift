internal import AllReduceMPI
internal import AllReduceNN

/// Layers that run one after the other as a plan places them, with the conversions between them.
///
/// It replaces the user's ``Sequential``: parameters keep their names, and random layers keep their numbers. Where the
/// layout changes, the examples of the pass change too.
final class PlannedRow<Scalar: NetworkScalar & ReducibleScalar>: Layer, LayerHints {
  /// A layer of the row, and the exchange before it.
  struct Item {
    let name: String
    let layer: any Layer<Scalar>
    let boundary: BoundaryExchange<Scalar>
    /// The all-gather in turns before this layer, where this and all later layers run in turns; nil otherwise.
    let turns: TurnExchange<Scalar>?
    /// Whether the layer takes this rank's own examples, rather than the model group's.
    let isOwn: Bool
    /// The shape of one example's input to the layer on this rank.
    let input: Shape
  }

  let items: [Item]
  /// The exchange after the last layer.
  let end: BoundaryExchange<Scalar>
  /// Whether the row replaces a single layer of the user's, and adds no component to its path.
  private let isTransparent: Bool
  private let output: Shape
  private let batch: GroupBatch
  /// For each layer, the parameters that the row announces to the pass before the layer computes.
  private let announced: [[Parameter<Scalar>]]
  private let firstLearning: Int
  /// The index of the first layer that runs in turns; nil if none does.
  let cut: Int?

  init(
    _ items: [Item], end: BoundaryExchange<Scalar>, output: Shape, _ batch: GroupBatch,
    isTransparent: Bool
  ) {
    self.items = items
    self.end = end
    self.output = output
    self.batch = batch
    self.isTransparent = isTransparent
    announced = items.map { $0.layer.unannouncedParameters }
    cut = items.firstIndex { $0.turns != nil }
    firstLearning = items.firstIndex { !$0.layer.allParameters.isEmpty } ?? items.count
    for (before, item) in zip(items, items.dropFirst()) where before.layer.givesOutputAway {
      (item.layer as? any InPlaceLayer<Scalar>)?.worksInPlace = true
    }
  }

  /// Whether any layer before `index` has parameters.
  func learns(before index: Int) -> Bool { firstLearning < index }

  var summary: String { items.map(\.layer.summary).joined(separator: ", ") }
  var announcesUse: Bool { true }
  var outputMayBeOverwritten: Bool { items.last?.layer.givesOutputAway ?? false }
  var parameters: [Parameter<Scalar>] { isTransparent ? items[0].layer.parameters : [] }
  var buffers: [(name: String, tensor: Tensor<Scalar>)] {
    isTransparent ? items[0].layer.buffers : []
  }
  var children: [(name: String, layer: any Layer<Scalar>)] {
    isTransparent ? items[0].layer.children : items.map { ($0.name, $0.layer) }
  }

  func outputShape(for input: Shape) throws -> Shape {
    for item in items { _ = try item.layer.outputShape(for: item.input) }
    return output
  }

  func forward(_ input: Tensor<Scalar>, _ pass: Pass<Scalar>) throws -> Tensor<Scalar> {
    try forward(input, pass, items.indices)
  }

  /// Runs the forward pass of the layers in `range`, each after the exchange before it.
  func forward(
    _ input: Tensor<Scalar>, _ pass: Pass<Scalar>, _ range: Range<Int>, startsTurn: Bool = false
  ) throws -> Tensor<Scalar> {
    var values = input
    for index in range {
      let item = items[index]
      // A turn's examples have been gathered already.
      if !(startsTurn && index == range.lowerBound), let exchange = item.boundary.forward {
        values = try exchange.run(values, pass)
      }
      batch.enter(isOwn: item.isOwn, pass)
      try pass.willUse(announced[index])
      let start = pass.recorder.map { _ in SpanRecorder.now() }
      values = try item.layer.forward(values, pass)
      if let start { pass.recorder?.add(item.layer, from: start) }
    }
    if range.upperBound == items.count, let exchange = end.forward {
      values = try exchange.run(values, pass)
    }
    return values
  }

  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    try backward(gradient, pass, items.indices, needsInputGradient: needsInputGradient)
  }

  /// Runs the backward pass of the layers in `range`, each followed by the exchange of its input's gradient.
  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, _ range: Range<Int>,
    needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    // Layers before the first parameter need no gradient if the input needs none.
    let first = needsInputGradient ? range.lowerBound : max(firstLearning, range.lowerBound)
    var gradient = gradient
    if range.upperBound == items.count, let exchange = end.backward, first < items.count {
      gradient = try exchange.run(gradient, pass)
    }
    for index in range.reversed() where index >= first {
      let item = items[index]
      batch.enter(isOwn: item.isOwn, pass)
      let start = pass.recorder.map { _ in SpanRecorder.now() }
      let needs = needsInputGradient || index > first
      let next = try item.layer.backward(gradient, pass, needsInputGradient: needs)
      if let start { pass.recorder?.add(item.layer, from: start) }
      guard var next else { return nil }
      // A shard by columns runs this exchange itself, overlapped with its products.
      if let exchange = item.boundary.backward, !(item.layer is ColumnShard<Scalar>) {
        next = try exchange.run(next, pass)
      }
      gradient = next
    }
    return needsInputGradient ? gradient : nil
  }
}

extension PlannedRow {
  /// Returns the exchanges of the row and of the rows within it, each with the path and summary of the layer after it.
  func exchanges(at path: String = "") -> [(layer: String, exchange: ExchangeRecord)] {
    var all: [(layer: String, exchange: ExchangeRecord)] = []
    for item in items {
      let place = isTransparent ? path : path.isEmpty ? item.name : "\(path).\(item.name)"
      let title = place.isEmpty ? item.layer.summary : "\(place) \(item.layer.summary)"
      all += (item.turns?.records ?? item.boundary.records).map { (title, $0) }
      if let row = item.layer as? PlannedRow { all += row.exchanges(at: place) }
      for (name, child) in item.layer.children {
        if let row = child as? PlannedRow { all += row.exchanges(at: "\(place).\(name)") }
      }
    }
    return all + end.records.map { (path.isEmpty ? "output" : path, $0) }
  }
}

/// The exchanges at the boundary between two layers, ready to run over a model group.
struct BoundaryExchange<Scalar: NetworkScalar & ReducibleScalar> {
  /// The exchange of activations in the forward pass; nil if none is needed.
  let forward: ConversionExchange<Scalar>?
  /// The exchange of gradients in the backward pass; nil if none is needed.
  let backward: ConversionExchange<Scalar>?

  init(_ boundary: Boundary, of shape: Shape, _ batch: GroupBatch) {
    forward = boundary.forward.map {
      ConversionExchange($0, of: shape, batch, isBackward: false)
    }
    backward = boundary.backward.map {
      ConversionExchange($0, of: shape, batch, isBackward: true)
    }
  }

  /// The records of the exchanges' bytes and seconds, forward first.
  var records: [ExchangeRecord] { [forward?.record, backward?.record].compactMap { $0 } }
}
