internal import AllReduceNN

/// A tensor of a network's weights: its name, shape and order of elements in this library and in PyTorch.
struct WeightItem {
  /// The tensor's path in this library: "1.runningMean".
  let name: String
  /// The same path with PyTorch's name of the tensor: "1.running_mean".
  let foreignName: String
  /// The tensor's shape in this library.
  let shape: Shape
  /// The tensor's shape in PyTorch.
  let foreignShape: Shape
  /// The order of the tensor's elements in PyTorch; nil if it is the same as in this library.
  let order: ChannelOrder?
  /// Why the order of the tensor's elements in PyTorch is not known; nil if it is known.
  let doubt: String?
  /// Whether the tensor is a convolution's weight, whose shape shows the order of its dimensions.
  var isConvolution = false
}

/// All tensors of a network's weights, found by following an example's shape through its layers.
///
/// The elements of a flattened image keep the order of pixels and channels, also through layers that compute element by
/// element, until a dense layer mixes them.
struct WeightList<Scalar: NetworkScalar> {
  /// The parameters and buffers of all layers.
  private(set) var items: [WeightItem] = []
  /// The paths of the batch norms. In PyTorch, each of these layers also has a count of its batches.
  private(set) var batchNorms: [String] = []

  /// The shape of the elements that reach a layer, and their order if they were flattened.
  private struct Flow {
    /// The shape of one example; nil if it is not known.
    var shape: Shape?
    /// The numbers of pixels and channels that were flattened, if their order still matters.
    var flattened: (positions: Int, channels: Int)?
    /// Why the order of flattened elements is not known; nil if it is known.
    var doubt: String?
  }

  /// Creates the list by following an example of shape `input` through the layers of `root`.
  init(_ root: any Layer<Scalar>, input: Shape) {
    _ = visit(root, "", Flow(shape: input))
  }

  /// The first tensor whose order in other programs' files is not known, and why; nil if all orders are known.
  var doubt: (name: String, why: String)? {
    items.lazy.compactMap { item in item.doubt.map { (item.name, $0) } }.first
  }

  private mutating func visit(_ layer: any Layer<Scalar>, _ path: String, _ flow: Flow) -> Flow {
    var after = Flow(shape: flow.shape.flatMap { try? layer.outputShape(for: $0) })
    switch layer {
    case let layer as Sequential<Scalar>:
      return layer.children.reduce(flow) { visit($1.layer, "\(path)\($1.name).", $0) }
    case let layer as Residual<Scalar>:
      let ends = layer.children.map { visit($0.layer, "\(path)\($0.name).", flow) }
      let all = ends.count == 1 ? ends + [flow] : ends
      if let doubt = all.lazy.compactMap(\.doubt).first {
        after.doubt = doubt
      } else if all[0].flattened?.positions != all[1].flattened?.positions
        || all[0].flattened?.channels != all[1].flattened?.channels
      {
        after.doubt = "one way around \(path.dropLast()) flattens an image, and the other does not"
      } else {
        after.flattened = all[0].flattened
      }
      return after
    case is Flatten<Scalar>:
      (after.flattened, after.doubt) = (flow.flattened, flow.doubt)
      guard let shape = flow.shape else {
        after.doubt = flow.doubt ?? "it is not known what \(path.dropLast()) flattens"
        return after
      }
      if shape.rank == 3, shape[0] * shape[1] > 1, shape[2] > 1 {
        after.flattened = (shape[0] * shape[1], shape[2])
      } else if shape.rank > 3 {
        after.doubt = "\(path.dropLast()) flattens examples of \(shape)"
      }
      return after
    case let layer as Conv2D<Scalar>:
      let order = ChannelOrder(
        outer: layer.outputChannels, positions: layer.kernel.count, channels: layer.inputChannels)
      for parameter in layer.parameters {
        let isWeight = parameter === layer.weight
        add(parameter, path, isWeight ? order : nil, nil, isConvolution: isWeight)
      }
      return after
    case let layer as Dense<Scalar>:
      let order = flow.flattened.flatMap {
        ChannelOrder(outer: layer.outputs, positions: $0.positions, channels: $0.channels)
      }
      for parameter in layer.parameters {
        let isWeight = parameter === layer.weight
        add(parameter, path, isWeight ? order : nil, isWeight ? flow.doubt : nil)
      }
      return after
    case is BatchNorm<Scalar>, is LayerNorm<Scalar>:
      if layer is BatchNorm<Scalar> { batchNorms.append(path) }
      let order = flow.flattened.flatMap {
        ChannelOrder(outer: 1, positions: $0.positions, channels: $0.channels)
      }
      for parameter in layer.parameters { add(parameter, path, order, flow.doubt) }
      for buffer in layer.buffers {
        add(buffer.name, path, buffer.tensor.shape, order, flow.doubt)
      }
      (after.flattened, after.doubt) = (flow.flattened, flow.doubt)
      return after
    case is Embedding<Scalar>:
      for parameter in layer.parameters { add(parameter, path, nil, nil) }
      return after
    default: return visitOther(layer, path, flow, after)
    }
  }

  /// Adds the tensors of a layer of any other type: one without parameters, or a user's own.
  private mutating func visitOther(
    _ layer: any Layer<Scalar>, _ path: String, _ flow: Flow, _ output: Flow
  ) -> Flow {
    var after = output
    let children = layer.children
    if layer.parameters.isEmpty, layer.buffers.isEmpty, children.isEmpty {
      (after.flattened, after.doubt) = (flow.flattened, flow.doubt)
      if flow.flattened != nil, after.shape != flow.shape {
        after.doubt = "\(path.dropLast()), \(layer.summary), changes what was flattened"
      }
      return after
    }
    let isImage =
      flow.shape.map { $0.rank == 3 && $0[0] * $0[1] > 1 && $0[2] > 1 } ?? true
    let why = "\(path.dropLast()), \(layer.summary), is a layer of your own"
    for parameter in layer.parameters {
      let isPlain =
        parameter.wholeShape.rank <= 1 && isImage && flow.shape?[-1] == parameter.wholeShape.count
      let isKnown = flow.flattened == nil && flow.doubt == nil && (!isImage || isPlain)
      add(parameter, path, nil, isKnown && parameter.wholeShape.rank <= 2 ? nil : why)
    }
    for buffer in layer.buffers { add(buffer.name, path, buffer.tensor.shape, nil, why) }
    for child in children {
      _ = visit(child.layer, "\(path)\(child.name).", Flow(shape: nil, doubt: why))
    }
    after.doubt = flow.flattened == nil && children.isEmpty && !isImage ? flow.doubt : why
    return after
  }

  private mutating func add(
    _ parameter: Parameter<Scalar>, _ path: String, _ order: ChannelOrder?, _ doubt: String?,
    isConvolution: Bool = false
  ) {
    // In a network, the name of a parameter begins with its path.
    let name = parameter.name.split(separator: ".").last.map(String.init) ?? parameter.name
    add(name, path, parameter.wholeShape, order, doubt, isConvolution: isConvolution)
  }

  private mutating func add(
    _ name: String, _ path: String, _ shape: Shape, _ order: ChannelOrder?, _ doubt: String?,
    isConvolution: Bool = false
  ) {
    let foreign: Shape = isConvolution ? [shape[0], shape[3], shape[1], shape[2]] : shape
    items.append(
      WeightItem(
        name: path + name, foreignName: path + (WeightList.words[name] ?? name), shape: shape,
        foreignShape: foreign, order: order, doubt: doubt, isConvolution: isConvolution))
  }

  /// PyTorch's names for this library's buffers.
  private static var words: [String: String] {
    ["runningMean": "running_mean", "runningVariance": "running_var"]
  }
}
