package import AllReduceMPI
public import AllReduceNN

extension Network {
  /// Reads weights by their paths ("0.weight") from a file: a checkpoint that a ``Checkpoint`` wrote, or a safetensors
  /// file of another program, such as PyTorch's `state_dict`.
  ///
  /// Reads parameters and running averages of type F32, F64, F16 or BF16, and ignores the state of an optimizer or of
  /// replicas. PyTorch puts channels before height and width; the weights of its convolutions, and of the dense layer
  /// after ``Flatten``, are transposed. The file's metadata states the order (`"layout": "channelsFirst"` or
  /// `"channelsLast"`). If it does not, the shapes of convolutions decide. If they do not either, `"format": "pt"` in
  /// the metadata means PyTorch's order. A file is refused if its order matters and remains unknown. Not collective:
  /// for networks that compute on their own. If not all ranks can read the file, ``Checkpoint/read(into:over:)`` reads
  /// a checkpoint on rank 0.
  ///
  /// - Parameters:
  ///   - path: The path of the file.
  ///   - names: The file's names for paths of this network, whole or their leading parts: `["0": "features.0"]`. Other
  ///     tensors have their path as name, or the name that `torch.nn.Sequential` gives them: "1.running_mean".
  ///   - channelsFirst: Whether the file has channels before height and width; nil to take the order from the file.
  /// - Throws: ``DataError`` if the file cannot be read, belongs to a different network (the text gives the nearest
  ///   names), does not tell the order of its weights, or is a checkpoint that its checksums show to be damaged; the
  ///   network is then unchanged.
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

  /// Writes the parameters and running averages in the form that PyTorch's `load_state_dict(strict=True)` takes: with
  /// PyTorch's names, and with channels before height and width. Not collective.
  ///
  /// - Parameters:
  ///   - path: The path of the file to write, in the safetensors format.
  ///   - names: The names to write for paths of this network; same as in ``load(weights:names:channelsFirst:)``.
  /// - Throws: ``DataError`` if PyTorch's order of a layer's elements is not known, or the file cannot be created;
  ///   ``OutputError`` if a write fails.
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
  /// Stores those of `values` that this rank holds; `first` is the index of the first value in the whole tensor.
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
  /// Distributes tensors that rank 0 reads: each rank stores the elements that it holds. Collective.
  ///
  /// - Parameters:
  ///   - tensors: The tensors to fill: the same names and shapes on all ranks, each with the parts that this rank
  ///     holds.
  ///   - read: Called on rank 0 with the index of a tensor, a range of its elements, and the memory to read them into.
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
    // Where ranks share memory, a rank may read elements that another rank stores.
    try barrier()
  }

  /// Distributes a network's weights from a file that rank 0 reads: each rank stores the elements that it holds.
  /// Collective.
  ///
  /// - Parameters:
  ///   - tensors: The parameters and buffers of the whole network, each with the parts that this rank holds.
  ///   - open: Opens the file on rank 0.
  /// - Throws: ``AgreedError`` with what `open` throws; the tensors are then unchanged. ``MPIError``.
  package func loadWeights<Scalar: NetworkScalar & ReducibleScalar>(
    into tensors: [StateTensor<Scalar>], _ open: () throws -> WeightFile<Scalar>
  ) throws {
    let file = try agreeing { isRoot ? try open() : nil }
    // Rank 0 holds one whole tensor at a time.
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
  /// Replaces the initial weights by those of a file, before the first step. Collective.
  ///
  /// - Parameter open: Opens the file on rank 0, for the layers of the whole network.
  /// - Throws: ``AgreedError`` with what `open` throws; the weights are then unchanged. ``MPIError``.
  package func load(_ open: () throws -> WeightFile<Scalar>) throws {
    try replicas?.arrive()
    let tensors = tensors(ofReplicas: nil, hasDifference: false).filter {
      !$0.name.hasPrefix("optimizer/")
    }
    try world.loadWeights(into: tensors, open)
    try replicas?.resume(nil, wasMeasured: false)
  }
}
