internal import AllReduceMPI
internal import AllReduceNN

extension DataParallel {
  /// Makes sure that all hosts have the memory for gradients, weights and what the optimizer remembers.
  ///
  /// Collective. Private memory is taken at the first touch: without this a rank would be ended by the
  /// system in the middle of its work.
  ///
  /// - Throws: ``AgreedError`` that says how much is needed and how much there is.
  static func requireMemory(
    _ layout: ParameterLayout<Scalar>, _ update: UpdateMode, _ optimizer: (any UpdateRule)?,
    _ communicator: Communicator
  ) throws {
    let one = layout.count * MemoryLayout<Scalar>.stride
    // The least that every mode takes: a host's ranks may share weights, and all ranks what is remembered.
    let weights = update == .shared ? one / communicator.hostRanks.count : one
    let remembered = (optimizer?.vectorCount ?? 0) * one
    try communicator.requireMemory(
      one + weights + (update == .replicated ? remembered : remembered / communicator.size),
      for: "the training of \(layout.count) numbers")
  }
}
