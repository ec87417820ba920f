package import AllReduceMPI
package import AllReduceNN
internal import CKernels

/// Sums the gradients of a host's ranks and updates weights with the sum, in one pass over memory.
///
/// Each rank does this for a slice of the parameters. In blocks that stay in the L1 cache, it sums the gradients of all
/// ranks and takes the optimizer's step with the sum, which is never written to memory.
///
/// The weights that a rank writes here are read by other ranks: by all of them where the host has one copy. So three
/// conditions must hold, and two small all-reduces on the host ensure that they do:
/// 1. No rank may begin before all ranks have finished their backward passes. It is not enough that all have computed
///    the gradient of these weights: after that, a layer's backward pass still reads its weights for the gradient of
///    its input, and a user's own layer may read them at any time. Nor are the gradients of other ranks complete
///    before. The all-reduce of the totals (examples, loss) comes first: it returns on no rank before every rank has
///    entered it, which ranks do after their backward passes.
/// 2. Slices do not overlap or share cache lines, so ranks do not touch each other's slices during the pass.
/// 3. No rank may read weights, or write gradients, before all ranks have finished the pass: the all-reduce that
///    follows returns on no rank before every rank has entered it.
package struct FusedUpdate<Scalar: NetworkScalar & ReducibleScalar> {
  private let sums: GradientSum
  /// This rank's own flat memory of gradients, where ``measure(_:)`` keeps the sums that are needed twice.
  private let own: UnsafeMutablePointer<Scalar>
  /// The weights that are updated, then the other ranks' copies of the weights.
  private let weights: [UnsafeMutablePointer<Scalar>]
  private let update: Optimizer<Scalar>
  /// Whether new weights are written past the caches: done where the host has one copy, of which the other ranks'
  /// caches hold old lines.
  private let streams: Bool

  /// Whether ``measure(_:)`` writes the sums to this rank's own memory, from which ``finish(_:)`` reads them.
  var keepsSums: Bool { sums.count > 1 }

  /// The number of elements of a block: 16 KiB, so that it stays in the L1 cache while it is summed.
  private static var block: Int { (16 << 10) / MemoryLayout<Scalar>.stride }

  /// Creates the update of this rank's slice.
  ///
  /// - Parameters:
  ///   - gradients: The flat memories of gradients to sum, in an order that all ranks know.
  ///   - own: This rank's flat memory of gradients; one of `gradients`, unless `gradients` has only one element.
  ///   - weights: The flat memories of weights to write; this rank's first.
  ///   - update: The optimizer of this rank's slice.
  ///   - othersRead: Whether other ranks read weights from the memory that this rank writes.
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

  /// Takes the whole step in one pass: sums the gradients and updates the weights.
  package func run(_ step: OptimizerStep) {
    forEachBlock { block in
      update(block, with: sum(block), step)
    }
  }

  /// Runs the first of two passes: sums the gradients, and adds the sums of squares that the update needs to `squares`.
  ///
  /// - Parameter squares: The sums, as in ``Optimizer/addFigures(of:weights:gradient:to:)``.
  package func measure(_ squares: UnsafeMutableBufferPointer<Double>) {
    forEachBlock { block in
      let sum = sum(block)
      update.addFigures(
        of: block, weights: weights[0] + block.lowerBound, gradient: sum, to: squares)
      // Other ranks read only their own slices of this memory, so this rank may overwrite its slice.
      if keepsSums { (own + block.lowerBound).update(from: sum, count: block.count) }
    }
  }

  /// Runs the second of two passes: takes the optimizer's step with the sums of the first.
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
  /// Adds the squares of a piece to `squares`: if `squares` has one element, the squares of all gradients of the piece;
  /// otherwise the squares that ``addSquares(of:weights:gradient:to:)`` adds.
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
