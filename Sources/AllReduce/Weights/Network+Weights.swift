package import AllReduceMPI
public import AllReduceNN

extension Network {
  /// Reads weights from a file, by their paths ("0.weight"): a state that a ``Checkpoint`` wrote, or a file that
  /// another program wrote in the safetensors format, such as PyTorch's `state_dict`.
  ///
  /// Parameters and running averages are read, of F32, F64, F16 or BF16; the state of an optimizer or of replicas is
  /// left out. PyTorch has channels before height and width: its convolutions, and the dense layer after ``Flatten``,
  /// are turned around. Which order a file has is what its metadata say (`"layout": "channelsFirst"` or
  /// `"channelsLast"`), else what the shapes of convolutions show, else PyTorch's where the metadata say `"format":
  /// "pt"`; where nothing tells, the file is refused. Not collective, for networks that compute on their own. Where
  /// ranks cannot all read the file, ``Checkpoint/read(into:over:)`` reads a state on rank 0.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - names: The file's names for paths here, whole or their first parts: `["0": "features.0"]`. Other names are as
  ///     here, or as `torch.nn.Sequential` gives them: "1.running_mean".
  ///   - channelsFirst: Whether channels come first; nil to read it from the file.
  /// - Throws: ``DataError`` if it cannot be read, belongs to a different network, with the names that are nearest,
  ///   does not say or show how its weights lie, or is a state whose checksums say that it is damaged; then nothing has
  ///   changed.
  public func load(
    weights path: String, names: [String: String] = [:], channelsFirst: Bool? = nil
  ) throws(DataError) {
    let file = try WeightFile(
      path, for: root, input: inputShape, names: names, channelsFirst: channelsFirst)
    let tensors = stateTensors
    let room = TensorMemory<Scalar>(count: tensors.reduce(0) { max($0, $1.shape.count) })
    for tensor in tensors {
      let values = UnsafeMutableBufferPointer(rebasing: room.values[..<tensor.shape.count])
      file.read(tensor.name, into: values)
      tensor.take(values, from: 0)
    }
  }

  /// Writes parameters and running averages as PyTorch's `load_state_dict(strict=True)` takes them: its names, and
  /// channels before height and width. Not collective.
  ///
  /// - Parameters:
  ///   - path: The file, in the safetensors format.
  ///   - names: As in ``load(weights:names:channelsFirst:)``.
  /// - Throws: ``DataError`` if a layer's order in PyTorch is not known, or the file cannot be made; ``OutputError``.
  package func export(weights path: String, names: [String: String] = [:]) throws {
    let list = WeightList(root, input: inputShape)
    if let doubt = list.doubt {
      throw DataError(
        file: path, expected: "layers whose order in PyTorch is known",
        found: "\"\(doubt.name)\", and \(doubt.why)",
        advice: "write it in a program of your own")
    }
    let names = WeightNames(names)
    let type = SafetensorsEntry.type(of: Scalar.self)
    let counts = list.batchNorms.map { names.name(of: $0 + "num_batches_tracked") }
    let header = SafetensorsHeader(
      metadata: [("format", "pt"), ("layout", WeightLayout.foreignName)],
      tensors: list.items.map { (names.name(of: $0.foreignName), type, $0.foreignShape) }
        + counts.map { ($0, "I64", []) })
    let file = try OutputFile(path: path)
    try header.encoded.withUnsafeBytes { try file.write($0) }
    let tensors = Dictionary(uniqueKeysWithValues: stateTensors.map { ($0.name, $0) })
    for item in list.items {
      guard let (_, values) = tensors[item.name]?.parts.first else {
        preconditionFailure("the network has no tensor \(item.name)")
      }
      guard let order = item.order, let start = values.baseAddress else {
        try file.write(UnsafeRawBufferPointer(values))
        continue
      }
      let row = TensorMemory<Scalar>(count: order.count)
      for outer in 0..<order.outer {
        order.toChannelsFirst(
          UnsafePointer(start + outer * order.count), row.values.baseAddress!)
        try file.write(UnsafeRawBufferPointer(row.values))
      }
    }
    let none = [Int64](repeating: 0, count: counts.count)
    try none.withUnsafeBytes { try file.write($0) }
    try file.finish()
  }
}

extension StateTensor {
  /// Takes over what this rank holds of some elements, the first of which has a place in the whole tensor.
  func take(_ values: UnsafeMutableBufferPointer<Scalar>, from first: Int) {
    for (piece, target) in parts {
      piece.forEachRun(within: first..<first + values.count) { element, place, count in
        let from = element - first
        _ = UnsafeMutableBufferPointer(rebasing: target[place..<place + count])
          .update(fromContentsOf: values[from..<from + count])
      }
    }
  }
}

extension Communicator {
  /// Gives all ranks what they hold of tensors that rank 0 reads. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The same names and shapes on all ranks, each rank with what it holds.
  ///   - read: Called on rank 0: reads some elements of a tensor.
  /// - Throws: ``MPIError``.
  func spread<Scalar: NetworkScalar & ReducibleScalar>(
    _ tensors: [StateTensor<Scalar>],
    _ read: (Int, Range<Int>, UnsafeMutableBufferPointer<Scalar>) -> Void
  ) throws {
    let most = tensors.reduce(0) { max($0, $1.shape.count) }
    let room = min(most, StateOwners<Scalar>.chunkCount)
    let chunk = TensorMemory<Scalar>(count: room)
    for (number, tensor) in tensors.enumerated() {
      for start in stride(from: 0, to: tensor.shape.count, by: max(room, 1)) {
        let range = start..<min(start + room, tensor.shape.count)
        let values = UnsafeMutableBufferPointer(rebasing: chunk.values[0..<range.count])
        if isRoot { read(number, range, values) }
        try broadcastNatively(UnsafeMutableRawBufferPointer(values), from: 0)
        tensor.take(values, from: range.lowerBound)
      }
    }
    // Ranks may read what others hold, in memory that they share.
    try barrier()
  }

  /// Gives all ranks what they hold of a network's weights in a file that rank 0 reads. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The parts of the whole network's parameters and buffers that each rank holds.
  ///   - open: Opens the file, on rank 0.
  /// - Throws: ``AgreedError`` of what `open` throws; then nothing has changed. ``MPIError``.
  package func loadWeights<Scalar: NetworkScalar & ReducibleScalar>(
    into tensors: [StateTensor<Scalar>], _ open: () throws -> WeightFile<Scalar>
  ) throws {
    let file = try agreeing { isRoot ? try open() : nil }
    // Rank 0 holds a tensor at a time.
    var whole: (number: Int, memory: TensorMemory<Scalar>)?
    try spread(tensors) { number, range, values in
      if whole?.number != number {
        whole = nil
        let memory = TensorMemory<Scalar>(count: tensors[number].shape.count)
        file?.read(tensors[number].name, into: memory.values)
        whole = (number, memory)
      }
      if let whole { _ = values.update(fromContentsOf: whole.memory.values[range]) }
    }
  }
}

extension Trainer {
  /// Begins with the weights of a file, before the first step. Collective.
  ///
  /// - Parameter open: Opens the file, on rank 0, for the layers of the whole network.
  /// - Throws: ``AgreedError`` of what `open` throws; then nothing has changed. ``MPIError``.
  package func load(_ open: () throws -> WeightFile<Scalar>) throws {
    try replicas?.arrive()
    let tensors = tensors(ofReplicas: nil, hasDifference: false).filter {
      !$0.name.hasPrefix("optimizer/")
    }
    try world.loadWeights(into: tensors, open)
    try replicas?.resume(nil)
  }
}
