internal import AllReduceMPI
public import AllReduceNN

extension Parameter {
  /// A part of a whole parameter: drawn alike, or with its values if it has memory.
  convenience init(sharding whole: Parameter, dimension: Int, range: Range<Int>) {
    precondition(whole.shard == nil, "\(whole.name) is a part already")
    self.init(
      whole.name, shard: ParameterShard(of: whole.shape, dimension: dimension, range: range),
      initialization: whole.initialization, source: whole.values, decays: whole.decays)
  }
}

extension Parameter where Scalar: ReducibleScalar {
  /// Puts the ranks' parts together: of the values, or of the gradient. Collective.
  ///
  /// - Returns: All elements of the whole parameter.
  func gathered(
    _ part: (Parameter) -> Tensor<Scalar>, over communicator: Communicator
  ) throws -> [Scalar] {
    let own = part(self).elements
    guard let shard else { return own }
    let all = try communicator.allGather(own)
    var whole = [Scalar](repeating: 0, count: shard.whole.count)
    var from = 0
    for range in BlockPartition(count: shard.whole[shard.dimension], parts: communicator.size) {
      let theirs = ParameterShard(of: shard.whole, dimension: shard.dimension, range: range)
      theirs.forEachRun { elements, start in
        whole.replaceSubrange(
          start..<start + elements.count,
          with: all[from + elements.lowerBound..<from + elements.upperBound])
      }
      from += theirs.shape.count
    }
    return whole
  }
}

extension DividedDense {
  /// The whole layer, on every rank, with memory of its own. Collective.
  ///
  /// - Throws: ``MPIError``.
  public final func gathered() throws -> Dense<Scalar> {
    let dense = Dense<Scalar>(
      inputs: inputs, outputs: outputs, bias: bias != nil, initialization: weight.initialization)
    let layout = ParameterLayout(dense.parameters)
    let memory = TensorMemory<Scalar>(count: 2 * layout.count)
    layout.bind(
      values: UnsafeMutableBufferPointer(rebasing: memory.values[..<layout.count]),
      gradients: UnsafeMutableBufferPointer(rebasing: memory.values[layout.count...]),
      owner: memory)
    for (whole, part) in zip(dense.parameters, parameters) {
      _ = whole.values.values.update(
        fromContentsOf: try part.gathered(\.values, over: communicator))
    }
    return dense
  }
}
