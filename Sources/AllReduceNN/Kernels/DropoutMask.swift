/// Which elements of an example a dropout layer drops in a step: a pure function of the seed, the step, the layer, the
/// example's number and the element's index. Each element uses 16 random bits.
package struct DropoutMask: Hashable, Sendable {
  /// The seed of the run.
  package let seed: UInt64
  /// The stream of ``Philox`` that belongs to the layer and step.
  package let stream: UInt64
  /// The number of elements, out of every 65,536, that are kept on average.
  package let kept: Int
  /// Where the mask begins within a whole example: the index of an element, a multiple of ``step``; not 0 on a process
  /// that has only some elements of each example.
  package let firstElement: Int

  /// The alignment of ``firstElement``: a mask may start at any multiple of this number of elements.
  package static var step: Int { 64 }

  /// Creates a mask.
  ///
  /// - Parameters:
  ///   - seed: The seed of the run.
  ///   - layer: The number of the dropout layer in its network, below 2²³.
  ///   - step: The number of the training step; only its lower 40 bits are used.
  ///   - kept: The number of elements, out of every 65,536, that are kept on average.
  ///   - firstElement: Where the mask begins within a whole example: the index of an element, a multiple of ``step``.
  package init(seed: UInt64, layer: Int, step: UInt64, kept: Int, firstElement: Int = 0) {
    precondition(
      firstElement >= 0 && firstElement % DropoutMask.step == 0,
      "a dropout mask must start at a multiple of \(DropoutMask.step), not at \(firstElement)")
    precondition(
      layer >= 0 && layer < 1 << 23,
      "the index of a dropout layer must be 0 to 8388607, not \(layer)")
    self.seed = seed
    // The highest bit separates these streams from those of initial values and orders, which are small numbers.
    stream = 1 << 63 | UInt64(layer) << 40 | step & (1 << 40 - 1)
    self.kept = kept
    self.firstElement = firstElement
  }

  /// Returns the index of an example's first block of random bits. Each example has room for 2²⁸ blocks.
  ///
  /// - Precondition: The example's number is at least 0 and less than 2³⁶.
  func index(of example: Int) -> UInt64 {
    precondition(
      example >= 0 && example < 1 << 36,
      "the number of an example must be 0 or more, and less than 2^36, not \(example)")
    return UInt64(example) << 28 + UInt64(8 * (firstElement / DropoutMask.step))
  }

  /// Whether an element, counted from ``firstElement``, is kept.
  ///
  /// The order of the bits is that in which eight blocks at a time are stored in memory: see `drop` in `activations.h`.
  package func keeps(_ element: Int, of example: Int) -> Bool {
    let block = UInt64(8 * (element / 64) + element % 32 / 4)
    let words = Philox(seed: seed).block(at: index(of: example) + block, stream: stream)
    let word = words[2 * (element / 32 % 2) + element % 4 / 2]
    return Int(word >> (element % 2 == 0 ? 0 : 16) & 0xFFFF) < kept
  }
}
