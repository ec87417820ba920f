package import AllReduceMPI
package import AllReduceNN
internal import CKernels

/// Adds up the gradients of a host's ranks and updates weights with the sum, in one pass over memory.
///
/// A rank does this for a slice of the parameters. In blocks that stay in the L1 cache, it adds up
/// the block of all ranks' gradients and takes the optimizer's step with it; the sum itself is never
/// written to memory.
///
/// The weights that a rank writes here are read by the others: by all of them where the host has one copy.
/// So three things must be in order, and two small all-reduces on the host make them so:
/// 1. No rank may begin before all have ended their backward passes. It is not enough that all have
///    computed the gradient of these weights: a layer's backward still reads its weights for the gradient of
///    its input after that, and a layer of one's own may read them whenever it likes. Nor are the gradients
///    of others readable before. The all-reduce of the totals (examples, loss) comes before: it returns on
///    no rank before every rank has entered it, and they enter it after their backward passes.
/// 2. Slices do not overlap, nor share cache lines, so ranks do not touch each other's during the pass.
/// 3. No rank may read weights, nor write gradients, before all have ended the pass: the all-reduce that
///    follows returns on no rank before every rank has entered it.
package struct FusedUpdate<Scalar: NetworkScalar & ReducibleScalar> {
  private let sums: GradientSum
  /// Where a sum is put that is needed twice: this rank's own flat memory.
  private let own: UnsafeMutablePointer<Scalar>
  /// The weights that are updated, then the copies that others have of them.
  private let weights: [UnsafeMutablePointer<Scalar>]
  private let update: Optimizer<Scalar>
  /// Whether new weights are stored past the caches: where there is one copy, the other ranks hold its old
  /// lines.
  private let streams: Bool

  /// Whether ``measure(_:)`` puts sums into this rank's own memory, where ``finish(_:)`` finds them.
  var keepsSums: Bool { sums.count > 1 }

  /// The elements of a block: 16 KiB, so that it stays in the L1 cache while it is added up.
  private static var block: Int { (16 << 10) / MemoryLayout<Scalar>.stride }

  /// Prepares passes.
  ///
  /// - Parameters:
  ///   - gradients: Flat memory to add up, in an order that all ranks know.
  ///   - own: The gradient of this rank; one of them, unless there is only one.
  ///   - weights: Flat memory of the weights; this rank's first.
  ///   - update: The optimizer of this rank's slice.
  ///   - othersRead: Whether other ranks read weights from the same memory.
  package init(
    gradients: [UnsafeMutablePointer<Scalar>], own: UnsafeMutablePointer<Scalar>,
    weights: [UnsafeMutablePointer<Scalar>], update: Optimizer<Scalar>, othersRead: Bool
  ) {
    sums = GradientSum(
      of: gradients, ReductionKernel.of(.sum, Scalar.scalarType),
      blockBytes: FusedUpdate.block * MemoryLayout<Scalar>.stride)
    self.own = own
    self.weights = weights
    self.update = update
    streams = othersRead && weights.count == 1
  }

  /// The whole step in one pass.
  package func run(_ step: OptimizerStep) {
    forEachBlock { block in
      update(block, with: sum(block), step)
    }
  }

  /// The first of two passes: adds up gradients, and what an update must know of all of them.
  ///
  /// - Parameter squares: See ``Optimizer/addFigures(of:weights:gradient:to:)``.
  package func measure(_ squares: UnsafeMutableBufferPointer<Double>) {
    forEachBlock { block in
      let sum = sum(block)
      update.addFigures(
        of: block, weights: weights[0] + block.lowerBound, gradient: sum, to: squares)
      // Others read their slices of this memory, and only this rank its own.
      if keepsSums { (own + block.lowerBound).update(from: sum, count: block.count) }
    }
  }

  /// The second of two passes: the optimizer's step with the sums of the first.
  package func finish(_ step: OptimizerStep) {
    forEachBlock { block in
      update(
        block, with: keepsSums ? UnsafePointer(own + block.lowerBound) : sum(block), step)
    }
  }

  private func forEachBlock(_ body: (Range<Int>) -> Void) {
    var start = update.range.lowerBound
    while start < update.range.upperBound {
      let end = min(start + FusedUpdate.block, update.range.upperBound)
      body(start..<end)
      start = end
    }
    ck_end_streams()
  }

  private func update(
    _ block: Range<Int>, with gradient: UnsafePointer<Scalar>, _ step: OptimizerStep
  ) {
    var step = step
    step.streams = streams
    let first = weights[0] + block.lowerBound
    update.update(block, weights: first, gradient: gradient, step)
    for copy in weights.dropFirst() {
      ck_stream(copy + block.lowerBound, first, block.count * MemoryLayout<Scalar>.stride)
    }
  }

  private func sum(_ block: Range<Int>) -> UnsafePointer<Scalar> {
    let stride = MemoryLayout<Scalar>.stride
    return sums.of(block.lowerBound * stride, count: block.count)
      .assumingMemoryBound(to: Scalar.self)
  }
}

extension Optimizer {
  /// Adds up squares of a piece: of all its gradients where there is room for one sum, otherwise as
  /// ``addSquares(of:weights:gradient:to:)`` does.
  package func addFigures(
    of piece: Range<Int>, weights: UnsafePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    to squares: UnsafeMutableBufferPointer<Double>
  ) {
    if squares.count == 1 {
      squares[0] += gradientSquares(of: piece, gradient)
    } else {
      addSquares(of: piece, weights: weights, gradient: gradient, to: squares)
    }
  }
}
