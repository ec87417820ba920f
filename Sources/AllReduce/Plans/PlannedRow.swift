internal import AllReduceMPI
internal import AllReduceNN

/// Layers one after the other as a plan places them, with what stands between.
///
/// It takes the place of the user's ``Sequential``: parameters have the same names, and random layers the same
/// numbers. Where the layout changes, so do the examples of the pass.
final class PlannedRow<Scalar: NetworkScalar & ReducibleScalar>: Layer, LayerHints {
  /// A layer, and the exchange before it.
  struct Item {
    let name: String
    let layer: any Layer<Scalar>
    let boundary: BoundaryExchange<Scalar>
    /// In front, where all that follows runs in turns.
    let turns: TurnExchange<Scalar>?
    /// Whether the layer takes its own examples, not the group's.
    let isOwn: Bool
    /// The shape of an example's input on this rank.
    let input: Shape
  }

  let items: [Item]
  /// The exchange after the last layer.
  let end: BoundaryExchange<Scalar>
  /// Whether the row stands for a single layer of the user's, and adds no name to it.
  private let isTransparent: Bool
  private let output: Shape
  private let batch: GroupBatch
  /// The parameters to announce before a layer computes, for each layer.
  private let announced: [[Parameter<Scalar>]]
  private let firstLearning: Int
  /// The layer from which on layers run in turns; nil if none do.
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

  /// Whether a layer in front of one learns anything.
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

  /// Runs some of the layers, each after what stands in front of it.
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

  /// Runs some of the layers backward, each with what stands in front of it after it.
  func backward(
    _ gradient: Tensor<Scalar>, _ pass: Pass<Scalar>, _ range: Range<Int>,
    needsInputGradient: Bool
  ) throws -> Tensor<Scalar>? {
    // What lies before the first parameter needs no gradient when the input needs none.
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
      // A shard by columns does it itself, overlapped with its products.
      if let exchange = item.boundary.backward, !(item.layer is ColumnShard<Scalar>) {
        next = try exchange.run(next, pass)
      }
      gradient = next
    }
    return needsInputGradient ? gradient : nil
  }
}

extension PlannedRow {
  /// The exchanges before and after each layer, with the layer's path and summary.
  func exchanges(at path: String = "") -> [(layer: String, exchange: LayerExchange)] {
    var all: [(layer: String, exchange: LayerExchange)] = []
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

/// The conversions between two layers, made for a model group.
struct BoundaryExchange<Scalar: NetworkScalar & ReducibleScalar> {
  /// The exchange of activations; nil for none.
  let forward: ConversionExchange<Scalar>?
  /// The exchange of gradients; nil for none.
  let backward: ConversionExchange<Scalar>?

  init(_ boundary: Boundary, of shape: Shape, _ batch: GroupBatch) {
    forward = boundary.forward.map {
      ConversionExchange($0, of: shape, batch, isBackward: false)
    }
    backward = boundary.backward.map {
      ConversionExchange($0, of: shape, batch, isBackward: true)
    }
  }

  /// The exchanges, forward first.
  var records: [LayerExchange] { [forward?.record, backward?.record].compactMap { $0 } }
}
