import AllReduce

/// How the sums of the ranks come together.
enum Exchange {
  /// One process has all examples; nothing is sent.
  case alone
  /// Every rank gets the total.
  case allReduce(Communicator, ReductionAlgorithm)
  /// Rank 0 gets the total and tells the others what follows from it.
  case central(Communicator, ReductionAlgorithm)

  /// The exchange of a mode, with the algorithm that runs for this many numbers a step.
  init(
    _ mode: CombineMode, over world: Communicator, using algorithm: ReductionAlgorithm, count: Int
  ) {
    switch mode {
    case .allReduce:
      self = .allReduce(world, world.algorithm(for: algorithm, count: count, of: Double.self))
    case .central:
      // Reduce and broadcast are halves of a tree unless another algorithm is asked for.
      self = .central(world, algorithm == .automatic ? .tree : algorithm)
    }
  }

  /// The algorithm that runs.
  var algorithm: ReductionAlgorithm {
    switch self {
    case .alone: .native
    case .allReduce(_, let algorithm), .central(_, let algorithm): algorithm
    }
  }

  /// Replaces numbers by their combination over all ranks, on every rank.
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

  /// Takes a step of descent: theta -= rate x the sum of all ranks' gradients.
  ///
  /// Allocates nothing.
  ///
  /// - Parameters:
  ///   - theta: The same on all ranks, before and after.
  ///   - sums: This rank's part of the gradient, and as its last element of the sum of squares,
  ///     which is the total on all ranks afterwards.
  ///   - rate: The learning rate over the number of examples.
  /// - Throws: What the communicator throws.
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
