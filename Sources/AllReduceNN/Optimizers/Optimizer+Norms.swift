extension Optimizer {
  /// How many sums of squares ``addSquares(of:weights:gradient:to:)`` makes: two a parameter.
  package var squareCount: Int { 2 * layout.parameters.count }

  /// Adds up the squares of the gradients in a piece, gaps left out: for clipping by the global norm
  /// (``GradientClipping``). Ranks that update parts add their sums up.
  ///
  /// - Parameters:
  ///   - piece: Elements of the flat memory.
  ///   - gradient: Where the piece's gradients are.
  /// - Returns: The sum, of gradients as they are.
  package func gradientSquares(of piece: Range<Int>, _ gradient: UnsafePointer<Scalar>) -> Double {
    let kernel = OptimizerKernel.of(Scalar.self)
    var sum = 0.0
    for (number, elements) in layout.ranges.enumerated()
    where elements.overlaps(piece) && counts(number) {
      let part = elements.clamped(to: piece)
      sum += kernel.sumOfSquares(gradient + (part.lowerBound - piece.lowerBound), count: part.count)
    }
    return sum
  }

  private func counts(_ parameter: Int) -> Bool {
    !skipsWhole || layout.parameters[parameter].shard != nil
  }

  /// The first pass of a rule that ``UpdateRule/usesNorms``: adds up squares in a piece.
  ///
  /// Ranks that update parts add theirs up, element by element, before ``useNorms(_:gradientScale:)``.
  ///
  /// - Parameters:
  ///   - piece: Elements of the flat memory.
  ///   - weights: Where the piece's weights are.
  ///   - gradient: Where its gradients are.
  ///   - squares: ``squareCount`` sums that are added to: of each parameter's weights, then of its
  ///     gradients, in the order of the layout.
  package func addSquares(
    of piece: Range<Int>, weights: UnsafePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    to squares: UnsafeMutableBufferPointer<Double>
  ) {
    precondition(
      squares.count == squareCount, "there are \(squareCount) sums, not \(squares.count)")
    let kernel = OptimizerKernel.of(Scalar.self)
    for (number, elements) in layout.ranges.enumerated()
    where elements.overlaps(piece) && counts(number) {
      let part = elements.clamped(to: piece)
      let offset = part.lowerBound - piece.lowerBound
      squares[2 * number] += kernel.sumOfSquares(weights + offset, count: part.count)
      squares[2 * number + 1] += kernel.sumOfSquares(gradient + offset, count: part.count)
    }
  }

  /// Sets the rates of the parameters from their norms, for the updates of the next step.
  ///
  /// - Parameters:
  ///   - squares: The sums of ``addSquares(of:weights:gradient:to:)`` over all of the parameters.
  ///   - gradientScale: The step's.
  package func useNorms(_ squares: UnsafeBufferPointer<Double>, gradientScale: Double) {
    precondition(
      squares.count == squareCount, "there are \(squareCount) sums, not \(squares.count)")
    for (number, parameter) in layout.parameters.enumerated() where parameter.decays {
      rateFactors[number] = rule.rateFactor(
        weightNorm: squares[2 * number].squareRoot(),
        gradientNorm: squares[2 * number + 1].squareRoot() * gradientScale)
    }
  }

  /// Updates all parameters in a network's own memory: one pass, or two if the rule
  /// ``UpdateRule/usesNorms``.
  ///
  /// - Parameters:
  ///   - network: The network that this was made for; its gradients are of the sum over the global batch.
  ///   - step: The step's settings.
  /// - Precondition: ``range`` holds all parameters.
  package func update(_ network: Network<Scalar>, _ step: OptimizerStep) {
    let whole = layout.reserved..<layout.count
    precondition(range == whole, "only elements \(range) of \(whole) are updated here")
    precondition(
      network.values.count == layout.count,
      "the network has \(network.values.count) elements, not \(layout.count)")
    guard let values = network.values.baseAddress, let gradients = network.gradients.baseAddress
    else { return }
    let (weights, gradient) = (values + range.lowerBound, gradients + range.lowerBound)
    if rule.usesNorms {
      withUnsafeTemporaryAllocation(of: Double.self, capacity: squareCount) { squares in
        squares.initialize(repeating: 0)
        addSquares(of: range, weights: weights, gradient: gradient, to: squares)
        useNorms(UnsafeBufferPointer(squares), gradientScale: step.gradientScale)
      }
    }
    update(range, weights: weights, gradient: gradient, step)
  }
}
