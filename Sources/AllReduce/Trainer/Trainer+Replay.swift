internal import AllReduceMPI
internal import AllReduceNN

/// The error that a rank computed two different gradients from the same weights and examples.
package struct GradientsDiffer: ExitCoded, CustomStringConvertible, Equatable {
  /// The name of the first parameter whose gradients differ; nil if only the losses differ.
  package let parameter: String?
  /// The ranks that computed different gradients.
  package let ranks: [Int]
  /// The number of the step, from 1.
  package let step: Int
  package let exitCode: Int32 = 1

  package var description: String {
    "Step \(step) was computed twice, and \(describeRanks(ranks)) did not get the same "
      + "\(parameter.map { "gradient of \($0)" } ?? "loss") again. Faulty memory or a faulty processor is likely: resume "
      + "from the last state without the host of \(describeRanks(ranks))."
  }
}

extension Trainer {
  /// Computes this rank's gradient of a batch twice, and throws unless both have the same bits. Collective; call it
  /// before the step that trains on the batch. Weights and statistics of batches stay as they were.
  ///
  /// Cost: two forward and two backward passes; no gradient is exchanged. If ranks exchange numbers within their passes,
  /// as with batch norm or split weights, ranks that got a wrong number from another one are named with it.
  ///
  /// - Parameters:
  ///   - parts: The same as in ``step(parts:learningRate:_:)``.
  ///   - part: The same as in ``step(parts:learningRate:_:)``; called twice for each part.
  /// - Throws: ``AgreedError`` on every rank of the replica with a ``GradientsDiffer`` that names the parameter and the
  ///   ranks; the errors of the loss and the layers; ``MPIError``.
  package func replay(parts: Int, _ part: (Int) throws -> Part) throws {
    try exchange.finish()
    // Other ranks may still read this rank's latest gradient.
    try grid.world.barrier()
    let kept = network.root.allBuffers.map { Array($0.tensor.values) }
    func ownGradient() throws -> [UInt64] {
      let sums = try gradientChecksums(parts, part)
      for (buffer, values) in zip(network.root.allBuffers, kept) {
        _ = buffer.tensor.values.update(fromContentsOf: values)
      }
      return sums
    }
    let (first, second) = (try ownGradient(), try ownGradient())
    let place = zip(first, second).enumerated().first { $1.0 != $1.1 }?.offset
    let places = try grid.world.allGatherNatively(place ?? -1)
    let ranks = places.indices.filter { places[$0] >= 0 }
    guard let found = ranks.first else { return }
    let names = network.layout.parameters.map(\.name)
    let number = places[found] % (names.count + 1)
    let error = GradientsDiffer(
      parameter: number < names.count ? names[number] : nil,
      ranks: ranks.map { grid.world.worldRanks[$0] }, step: updates + 1)
    try grid.world.agreeing { throw error }
  }

  /// Returns the checksums of this rank's gradient of each part: one for each parameter, then the loss's.
  private func gradientChecksums(
    _ parts: Int, _ part: (Int) throws -> Part
  ) throws -> [UInt64] {
    (network.pass.isTraining, network.pass.step) = (true, nextStep)
    var sums: [UInt64] = []
    try tally.counting {
      for number in 0..<parts {
        let part = try part(number)
        try begin(part, accumulates: number > 0 && tree == nil)
        let own =
          try turns.map { try runTurns(part, $0, before: BatchScore(), endsStep: false) }
          ?? runAtOnce(part, before: BatchScore(), endsStep: false, stepping: nil)
        sums += network.layout.parameters.map {
          Checksum.of(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer($0.gradient.values)))
        }
        sums.append(own.loss.bitPattern)
      }
    }
    return sums
  }
}
