internal import AllReduceNN

/// A network as a chain of layers, each of which is placed as a whole; the planner's search chooses their placements.
///
/// Element-wise layers stand between the layers that are placed. A sum of branches is placed as one layer: wholly data
/// parallel, or replicated.
struct LayerChain {
  /// A layer to place, or a sum of branches.
  struct Member {
    let path: String
    let layer: any Layer<Float>
    let input: Shape
    /// For a sum, all layers in its branches, in order; otherwise the layer itself.
    let singles: [Single]
    /// Whether a layer before this one has parameters, so that the gradient of the input is needed.
    let needsInputGradient: Bool
  }

  /// A layer that contains no others, and runs as it is.
  struct Single {
    let path: String
    let layer: any Layer<Float>
    let input: Shape
    /// Whether the layer is element-wise, and so needs no placement.
    let isFree: Bool
    let needsInputGradient: Bool
  }

  /// The layers and sums to place.
  private(set) var nodes: [Member] = []
  /// The element-wise layers before each node, and those after the last node.
  private(set) var between: [[Single]] = [[]]
  /// A number for the kind of each node: equal for nodes that are alike, with the element-wise layers before them.
  private(set) var kinds: [Int] = []
  /// The shape of one example's output.
  private(set) var output: Shape

  private var learned = false

  init(_ root: any Layer<Float>, input: Shape) throws {
    var shape = input
    output = input
    try add(root, "", &shape)
    output = shape
    var numbers: [String: Int] = [:]
    kinds = nodes.indices.map { index in
      let words = (between[index] + nodes[index].singles).map {
        "\($0.layer.summary) of \($0.input) \($0.needsInputGradient)"
      }
      let text = "\(nodes[index].layer.summary): \(words.joined(separator: ", "))"
      let number = numbers[text] ?? numbers.count
      numbers[text] = number
      return number
    }
  }

  private mutating func add(
    _ layer: any Layer<Float>, _ path: String, _ shape: inout Shape
  ) throws {
    let input = shape
    if layer is Sequential<Float> {
      for (name, child) in layer.children {
        try add(child, path.isEmpty ? name : "\(path).\(name)", &shape)
      }
      return
    }
    shape = try layer.outputShape(for: input)
    let needs = learned
    var singles: [Single] = []
    var inner = input
    try list(layer, path, &inner, &singles)
    if singles.count == 1, singles[0].isFree {
      between[between.count - 1] += singles
    } else {
      nodes.append(
        Member(
          path: path, layer: layer, input: input, singles: singles, needsInputGradient: needs))
      between.append([])
    }
  }

  private mutating func list(
    _ layer: any Layer<Float>, _ path: String, _ shape: inout Shape, _ all: inout [Single]
  ) throws {
    if layer is Sequential<Float> {
      for (name, child) in layer.children { try list(child, "\(path).\(name)", &shape, &all) }
      return
    }
    if let sum = layer as? Residual<Float> {
      var inner = shape
      try list(sum.body, "\(path).body", &inner, &all)
      inner = shape
      if let shortcut = sum.shortcut { try list(shortcut, "\(path).shortcut", &inner, &all) }
      shape = try layer.outputShape(for: shape)
      return
    }
    all.append(single(layer, path, shape))
    shape = try layer.outputShape(for: shape)
  }

  private mutating func single(
    _ layer: any Layer<Float>, _ path: String, _ input: Shape
  ) -> Single {
    let needs = learned
    if !layer.allParameters.isEmpty { learned = true }
    return Single(
      path: path, layer: layer, input: input, isFree: layer.worksOnElements,
      needsInputGradient: needs)
  }
}
