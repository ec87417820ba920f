internal import AllReduceMPI
internal import AllReduceNN

/// The weights that replicas resume from after they have met, and the outer step that moves them.
///
/// This rank touches, and so uses memory for, only the elements that it exchanges with its peers: all of its network's,
/// or where the exchange is divided over the ranks of a replica, its part. Each pass is over blocks that stay in the
/// L1 cache.
final class GlobalWeights<Scalar: NetworkScalar & ReducibleScalar> {
  /// The difference that this rank's replica has learned, then the sum over the replicas, in the order of the weights.
  let differences: Arena<Scalar>
  /// The optimizer of the global weights, with its velocity.
  let outer: Optimizer<Scalar>
  private let averaging: Optimizer<Scalar>
  private let global: TensorMemory<Scalar>
  private let scratch: TensorMemory<Scalar>
  private let local: ParameterMemory<Scalar>
  private let functions = Scalar.vectorFunctions

  /// Elements that are moved at once.
  private static var block: Int { (16 << 10) / MemoryLayout<Scalar>.stride }

  /// Allocates memory. Collective over the peers.
  ///
  /// - Throws: ``AgreedError`` if a rank cannot get it; ``MPIError``.
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

  /// Where global weights from an element on are.
  func weights(from element: Int) -> UnsafeMutablePointer<Scalar> {
    global.values.baseAddress.unsafelyUnwrapped + element
  }

  /// Sets the global weights to this replica's.
  func adopt(_ elements: Range<Int>) {
    weights(from: elements.lowerBound).update(from: local.weights(elements), count: elements.count)
  }

  /// Overwrites this replica's weights with the global ones.
  func give(_ elements: Range<Int>) {
    local.weights(elements).update(from: weights(from: elements.lowerBound), count: elements.count)
  }

  /// Writes the difference between the global and this replica's weights, times its weight in the mean, to where it is
  /// exchanged.
  ///
  /// - Returns: The sum of the squares of the difference itself.
  func takeDifference(_ elements: Range<Int>, weight: Double) -> Double {
    functions.squaredDifferences(
      weights(from: elements.lowerBound), local.weights(elements), difference(elements.lowerBound),
      count: elements.count, scale: Scalar(weight))
  }

  /// Takes the outer step with the sum of the replicas' differences, and gives this replica the new weights.
  ///
  /// - Parameters:
  ///   - elements: The elements, whose differences are added up.
  ///   - step: The outer step; its scale makes the sum a mean. Nil leaves the global weights as they are.
  ///   - isAverage: Whether the global weights become the mean, whatever the outer rule is.
  ///   - mix: How much of the replica's own weights stays.
  /// - Returns: The sum of the squares of the sum of differences.
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

  /// The sum of the squares of the sum of differences.
  func squares(_ elements: Range<Int>) -> Double {
    var squares = 0.0
    forEachBlock(of: elements) {
      squares += outer.gradientSquares(of: $0, difference($0.lowerBound))
    }
    return squares
  }

  /// Swaps the global weights and this replica's own.
  func swap(_ elements: Range<Int>) {
    guard let room = scratch.values.baseAddress else { return }
    forEachBlock(of: elements) { block in
      let (weights, own) = (weights(from: block.lowerBound), local.weights(block))
      room.update(from: weights, count: block.count)
      weights.update(from: own, count: block.count)
      own.update(from: room, count: block.count)
    }
  }

  /// own -= (1 - keeping) (own - weights).
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
