import AllReduce

/// How sums are combined over the ranks.
enum Exchange {
  /// A single process has all examples; nothing is sent.
  case alone
  /// All-reduce: every rank gets the total and takes the step itself.
  case allReduce(Communicator, ReductionAlgorithm)
  /// Reduce and broadcast: rank 0 gets the total and broadcasts it, or the theta that it computes from it.
  case central(Communicator, ReductionAlgorithm)

  /// Creates the exchange for a mode; `automatic` is replaced by the algorithm that it chooses for reductions of
  /// `count` numbers.
  init(
    _ mode: CombineMode, over world: Communicator, using algorithm: ReductionAlgorithm, count: Int
  ) {
    switch mode {
    case .allReduce:
      self = .allReduce(world, world.algorithm(for: algorithm, count: count, of: Double.self))
    case .central:
      // Reduce and broadcast use a tree unless another algorithm is asked for.
      self = .central(world, algorithm == .automatic ? .tree : algorithm)
    }
  }

  /// The reduction algorithm that is used.
  var algorithm: ReductionAlgorithm {
    switch self {
    case .alone: .native
    case .allReduce(_, let algorithm), .central(_, let algorithm): algorithm
    }
  }

  /// Combines `values` elementwise over all ranks and stores the result in `values` on every rank. Collective.
  func combine(_ values: inout [Double], _ operation: ReductionOperation = .sum) throws {
    switch self {
    case .alone: break
    case .allReduce(let world, let algorithm):
      try world.allReduce(&values, operation, using: algorithm)
    case .central(let world, let algorithm):
      try world.reduce(&values, operation, to: 0, using: algorithm)
      try world.broadcast(&values, from: 0, using: algorithm)
    }
  }

  /// Takes a step of gradient descent: theta -= rate * the sum of all ranks' gradients. Collective.
  ///
  /// Allocates no memory.
  ///
  /// - Parameters:
  ///   - theta: The coefficients, the same on all ranks before and after.
  ///   - sums: This rank's sum of gradients and, as the last element, its sum of squared errors. On return the last
  ///     element is the total over all ranks.
  ///   - rate: The learning rate divided by the number of examples.
  /// - Throws: Any error of the communicator.
  func step(_ theta: inout [Double], by sums: inout [Double], rate: Double) throws {
    switch self {
    case .alone:
      descend(&theta, sums, rate)
    case .allReduce(let world, let algorithm):
      try world.allReduce(&sums, .sum, using: algorithm)
      descend(&theta, sums, rate)
    case .central(let world, let algorithm):
      try world.reduce(&sums, .sum, to: 0, using: algorithm)
      if world.isRoot {
        descend(&theta, sums, rate)
        for index in theta.indices { sums[index] = theta[index] }
      }
      try world.broadcast(&sums, from: 0, using: algorithm)
      for index in theta.indices { theta[index] = sums[index] }
    }
  }

  private func descend(_ theta: inout [Double], _ gradient: [Double], _ rate: Double) {
    for index in theta.indices { theta[index] -= rate * gradient[index] }
  }
}
