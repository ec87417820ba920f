extension Optimizer {
  /// The number of sums of squares that ``addSquares(of:weights:gradient:to:)`` computes: two per parameter.
  package var squareCount: Int { 2 * layout.parameters.count }

  /// Computes the sum of the squares of the gradients in a piece, without the gaps between parameters, for clipping by
  /// the global norm (``GradientClipping``). Ranks that update shards must add up their sums.
  ///
  /// - Parameters:
  ///   - piece: A range of elements of the flat memory.
  ///   - gradient: The gradients of the piece.
  /// - Returns: The sum, of unscaled gradients.
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

  /// Adds the squares of a piece's weights and gradients to the sums of their parameters: the first pass of a rule with
  /// ``UpdateRule/usesNorms``.
  ///
  /// Ranks that update shards must add up their sums, element by element, before ``useNorms(_:gradientScale:)``.
  ///
  /// - Parameters:
  ///   - piece: A range of elements of the flat memory.
  ///   - weights: The weights of the piece.
  ///   - gradient: The gradients of the piece.
  ///   - squares: The ``squareCount`` sums to add to: for each parameter, in the order of the layout, the sum over its
  ///     weights and then the sum over its gradient.
  package func addSquares(
    of piece: Range<Int>, weights: UnsafePointer<Scalar>, gradient: UnsafePointer<Scalar>,
    to squares: UnsafeMutableBufferPointer<Double>
  ) {
    precondition(
      squares.count == squareCount,
      "there must be \(squareCount) sums of squares, not \(squares.count)")
    let kernel = OptimizerKernel.of(Scalar.self)
    for (number, elements) in layout.ranges.enumerated()
    where elements.overlaps(piece) && counts(number) {
      let part = elements.clamped(to: piece)
      let offset = part.lowerBound - piece.lowerBound
      squares[2 * number] += kernel.sumOfSquares(weights + offset, count: part.count)
      squares[2 * number + 1] += kernel.sumOfSquares(gradient + offset, count: part.count)
    }
  }

  /// Computes the rate factor of each parameter from its norms, for the updates of the next step.
  ///
  /// - Parameters:
  ///   - squares: The sums of ``addSquares(of:weights:gradient:to:)``, complete for every parameter.
  ///   - gradientScale: The ``OptimizerStep/gradientScale`` of the step.
  package func useNorms(_ squares: UnsafeBufferPointer<Double>, gradientScale: Double) {
    precondition(
      squares.count == squareCount,
      "there must be \(squareCount) sums of squares, not \(squares.count)")
    for (number, parameter) in layout.parameters.enumerated() where parameter.decays {
      rateFactors[number] = rule.rateFactor(
        weightNorm: squares[2 * number].squareRoot(),
        gradientNorm: squares[2 * number + 1].squareRoot() * gradientScale)
    }
  }

  /// Updates all parameters in a network's own memory, in one pass, or in two for rules with
  /// ``UpdateRule/usesNorms``.
  ///
  /// - Parameters:
  ///   - network: The network whose layout this optimizer has; its gradients are of the sum over the global batch.
  ///   - step: The settings of the step.
  /// - Precondition: ``range`` holds all parameters.
  package func update(_ network: Network<Scalar>, _ step: OptimizerStep) {
    let whole = layout.reserved..<layout.count
    precondition(range == whole, "only elements \(range) of \(whole) are updated here")
    precondition(
      network.values.count == layout.count,
      "the optimizer was made for a network of \(layout.count) elements, not \(network.values.count)"
    )
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
