public import AllReduce

extension NetworkWords {
  /// Creates the network.
  ///
  /// - Parameters:
  ///   - example: The shape of the data's examples; it has the same number of values as ``input``.
  ///   - type: The element type of the network.
  ///   - seed: The seed of initial weights and dropout masks.
  /// - Returns: A network that has memory of its own.
  /// - Throws: ``ShapeError`` where a layer does not fit the previous one.
  public func network<Scalar: NetworkScalar>(
    for example: Shape, of type: Scalar.Type = Scalar.self, seed: UInt64
  ) throws -> Network<Scalar> {
    try Network(Sequential(layers(for: example, of: type)), input: example, seed: seed)
  }

  /// Creates the layers, whose parameters have no memory yet.
  ///
  /// - Parameters:
  ///   - example: The shape of the data's examples; it has the same number of values as ``input``.
  ///   - type: The element type of the layers.
  /// - Returns: A layer for each word, and a `Flatten` where images enter a dense layer.
  /// - Throws: ``ShapeError`` where a layer does not fit the previous one.
  public func layers<Scalar: NetworkScalar>(
    for example: Shape, of type: Scalar.Type = Scalar.self
  ) throws -> [any Layer<Scalar>] {
    var layers: [any Layer<Scalar>] = []
    var shape = example
    func add(_ layer: any Layer<Scalar>) throws {
      shape = try layer.outputShape(for: shape)
      layers.append(layer)
    }
    if input.count == 1, shape.rank > 1 { try add(Flatten()) }
    for (index, word) in words.enumerated() {
      do {
        if case .dense = word, shape.rank > 1 { try add(Flatten()) }
        try add(NetworkWords.layer(word, after: shape))
      } catch let error as ShapeError {
        throw ShapeError(
          "Word \(index + 2) of the layers cannot follow the words before it: \(error.description)."
        )
      }
    }
    return layers
  }

  private static func layer<Scalar: NetworkScalar>(
    _ word: Word, after shape: Shape
  ) throws -> any Layer<Scalar> {
    switch word {
    case .dense(let outputs): return Dense(shape.count, outputs)
    case .convolution(let filters, let size, let stride, let padding):
      guard shape.rank == 3 else {
        throw ShapeError("a convolution takes images of [height, width, channels], not of \(shape)")
      }
      return Conv2D(
        inputChannels: shape[2], outputChannels: filters, kernel: Size2D(size),
        stride: Size2D(stride), padding: Size2D(padding))
    case .maxPool(let size, let stride):
      return MaxPool2D(kernel: Size2D(size), stride: Size2D(stride))
    case .averagePool(let size, let stride):
      return AveragePool2D(kernel: Size2D(size), stride: Size2D(stride))
    case .dropout(let part): return Dropout(part)
    case .plain(let plain): return try layer(plain, after: shape)
    }
  }

  private static func layer<Scalar: NetworkScalar>(
    _ plain: Plain, after shape: Shape
  ) throws -> any Layer<Scalar> {
    switch plain {
    case .relu: ReLU()
    case .leakyrelu: LeakyReLU()
    case .tanh: Tanh()
    case .sigmoid: Sigmoid()
    case .gelu: GELU()
    case .batchnorm: BatchNorm(shape[-1])
    case .layernorm: LayerNorm(shape[-1])
    case .flatten: Flatten()
    }
  }
}

extension NetworkWords {
  /// Creates the layers for a data set, and checks that they fit its examples and its classes or targets.
  ///
  /// - Parameter data: The data to train on.
  /// - Returns: The layers.
  /// - Throws: ``TrainingError`` if the layers do not fit the data.
  public func layers<Scalar: NetworkScalar>(
    fitting data: any Dataset
  ) throws -> [any Layer<Scalar>] {
    let (shape, input) = (data.exampleShape, Shape(input))
    guard input.count == shape.count, input.rank == 1 || input == shape else {
      throw TrainingError.settings(
        "--layers begins with examples of \(input), but those of \(data.name) are \(shape), "
          + "\(shape.count) values.")
    }
    do {
      let layers: [any Layer<Scalar>] = try layers(for: shape)
      let output = try layers.reduce(shape) { try $1.outputShape(for: $0) }
      let targets = data.targetShape
      guard output.rank == 1,
        targets.map({ output.count == $0.count }) ?? (output.count >= data.classCount)
      else {
        throw TrainingError.settings(
          "--layers ends with \(output), but \(data.name) has "
            + (targets.map { "targets of \($0)." } ?? "\(data.classCount) classes."))
      }
      return layers
    } catch let error as ShapeError {
      throw TrainingError.settings(error.description)
    }
  }
}
