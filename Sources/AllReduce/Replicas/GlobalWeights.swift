internal import AllReduceMPI
internal import AllReduceNN

/// The global weights, from which replicas continue after each synchronization, and the outer step that updates them.
///
/// A rank reads, writes and therefore uses memory for only the elements that it exchanges with its peers: all elements
/// of its network, or where the ranks of a replica divide the exchange, this rank's part. Each pass works on blocks
/// that stay in the L1 cache.
final class GlobalWeights<Scalar: NetworkScalar & ReducibleScalar> {
  /// The difference between the global weights and this replica's weights, times this replica's weight in the mean;
  /// after the exchange, the sum of these over all replicas. In the order of the weights.
  let differences: Arena<Scalar>
  /// The optimizer of the global weights, with its velocity.
  let outer: Optimizer<Scalar>
  private let averaging: Optimizer<Scalar>
  private let global: TensorMemory<Scalar>
  private let scratch: TensorMemory<Scalar>
  private let local: ParameterMemory<Scalar>
  private let functions = Scalar.vectorFunctions

  /// The number of elements that are processed at a time.
  private static var block: Int { (16 << 10) / MemoryLayout<Scalar>.stride }

  /// Allocates the memory. Collective over the peers.
  ///
  /// - Throws: ``AgreedError`` if a rank cannot allocate the memory; ``MPIError``.
  init(
    _ layout: ParameterLayout<Scalar>, _ local: ParameterMemory<Scalar>, _ rule: any UpdateRule,
    over peers: Communicator
  ) throws {
    differences = try Arena(count: layout.count, over: peers)
    outer = Optimizer(rule, layout: layout)
    averaging = Optimizer(SGD(), layout: layout)
    global = TensorMemory(count: layout.count)
    scratch = TensorMemory(count: GlobalWeights.block)
    self.local = local
  }

  /// Returns a pointer to the global weight with index `element`; the following weights are contiguous.
  func weights(from element: Int) -> UnsafeMutablePointer<Scalar> {
    global.values.baseAddress.unsafelyUnwrapped + element
  }

  /// Copies this replica's weights to the global weights.
  func adopt(_ elements: Range<Int>) {
    weights(from: elements.lowerBound).update(from: local.weights(elements), count: elements.count)
  }

  /// Overwrites this replica's weights with the global weights.
  func give(_ elements: Range<Int>) {
    local.weights(elements).update(from: weights(from: elements.lowerBound), count: elements.count)
  }

  /// Writes the difference between the global weights and this replica's weights, times this replica's weight in the
  /// mean, to the memory that is exchanged.
  ///
  /// - Returns: The sum of the squares of the difference, before it is weighted.
  func takeDifference(_ elements: Range<Int>, weight: Double) -> Double {
    functions.squaredDifferences(
      weights(from: elements.lowerBound), local.weights(elements), difference(elements.lowerBound),
      count: elements.count, scale: Scalar(weight))
  }

  /// Takes the outer step with the sum of the replicas' differences, and copies the new weights to this replica.
  ///
  /// - Parameters:
  ///   - elements: The elements, whose differences have been summed over the replicas.
  ///   - step: The outer step; its gradient scale turns the sum into a mean. Nil leaves the global weights unchanged.
  ///   - isAverage: Whether the global weights become the mean of the replicas' weights, whatever the outer rule is.
  ///   - mix: The share of its own weights that the replica keeps, at least 0 and less than 1.
  /// - Returns: The sum of the squares of the summed differences.
  func move(
    _ elements: Range<Int>, _ step: OptimizerStep?, isAverage: Bool, mix: Double
  ) -> Double {
    var squares = 0.0
    let rule = isAverage ? averaging : outer
    forEachBlock(of: elements) { block in
      let (weights, own) = (weights(from: block.lowerBound), local.weights(block))
      let difference = difference(block.lowerBound)
      squares += outer.gradientSquares(of: block, difference)
      if let step { rule.update(block, weights: weights, gradient: difference, step) }
      if mix == 0 {
        own.update(from: weights, count: block.count)
      } else {
        blend(own, with: weights, block, keeping: mix)
      }
    }
    return squares
  }

  /// Returns the sum of the squares of the summed differences.
  func squares(_ elements: Range<Int>) -> Double {
    var squares = 0.0
    forEachBlock(of: elements) {
      squares += outer.gradientSquares(of: $0, difference($0.lowerBound))
    }
    return squares
  }

  /// Swaps the global weights and this replica's own weights.
  func swap(_ elements: Range<Int>) {
    guard let room = scratch.values.baseAddress else { return }
    forEachBlock(of: elements) { block in
      let (weights, own) = (weights(from: block.lowerBound), local.weights(block))
      room.update(from: weights, count: block.count)
      weights.update(from: own, count: block.count)
      own.update(from: room, count: block.count)
    }
  }

  /// Computes own -= (1 - keeping) * (own - weights).
  private func blend(
    _ own: UnsafeMutablePointer<Scalar>, with weights: UnsafePointer<Scalar>, _ block: Range<Int>,
    keeping: Double
  ) {
    guard let room = scratch.values.baseAddress else { return }
    _ = functions.squaredDifferences(own, weights, room, count: block.count, scale: 1)
    averaging.update(
      block, weights: own, gradient: room,
      OptimizerStep(number: 1, learningRate: 1 - keeping, gradientScale: 1))
  }

  private func difference(_ element: Int) -> UnsafeMutablePointer<Scalar> {
    differences.values.baseAddress.unsafelyUnwrapped + element
  }

  private func forEachBlock(of elements: Range<Int>, _ body: (Range<Int>) -> Void) {
    for start in stride(from: elements.lowerBound, to: elements.upperBound, by: GlobalWeights.block)
    {
      body(start..<min(start + GlobalWeights.block, elements.upperBound))
    }
  }
}
