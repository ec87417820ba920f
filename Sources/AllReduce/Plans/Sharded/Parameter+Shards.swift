internal import AllReduceMPI
internal import AllReduceNN

extension Parameter {
  /// Creates a shard of a whole parameter. Its values are those of the same elements of the whole: drawn in the same
  /// way, or copied if the whole parameter has memory.
  convenience init(sharding whole: Parameter, dimension: Int, range: Range<Int>) {
    precondition(whole.shard == nil, "\(whole.name) is a part already")
    self.init(
      whole.name, shard: ParameterShard(of: whole.shape, dimension: dimension, range: range),
      initialization: whole.initialization, source: whole.values, decays: whole.decays)
  }
}

extension Parameter where Scalar: ReducibleScalar {
  /// All-gathers the ranks' shards of the values or of the gradient, whichever `part` returns. Collective.
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

extension BatchNorm {
  /// Creates a batch norm of some channels of a whole layer. Each channel is normalized separately, over the ranks that
  /// have different examples for it.
  convenience init(sharding whole: BatchNorm, range: Range<Int>) {
    func own(_ averages: Tensor<Scalar>) -> Tensor<Scalar> {
      Tensor(Array(averages.elements[range]), shape: [range.count])
    }
    self.init(
      weight: Parameter(sharding: whole.weight, dimension: 0, range: range),
      bias: Parameter(sharding: whole.bias, dimension: 0, range: range),
      mean: own(whole.runningMean), variance: own(whole.runningVariance),
      momentum: whole.momentum, epsilon: whole.epsilon)
  }
}
