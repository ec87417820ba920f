/// Which elements of an example a dropout layer drops in a step: a pure function of the seed, the step,
/// the layer, the example's number and the element's place, 16 random bits each.
package struct DropoutMask: Hashable, Sendable {
  /// The seed of the run.
  package let seed: UInt64
  /// The stream of ``Philox`` that belongs to the layer and step.
  package let stream: UInt64
  /// How many of 65,536 elements are kept.
  package let kept: Int
  /// The element of an example that is counted as the first, a multiple of ``step``: a process that has
  /// only some elements of each example starts there.
  package let firstElement: Int

  /// A mask may start at multiples of this many elements.
  package static var step: Int { 64 }

  /// Creates a mask.
  ///
  /// - Parameters:
  ///   - seed: The seed of the run.
  ///   - layer: The number of the dropout layer in its network, below 2²³.
  ///   - step: The number of the training step; its lower 40 bits count.
  ///   - kept: How many of 65,536 elements are kept.
  ///   - firstElement: The element that counts as the first, a multiple of ``step``.
  package init(seed: UInt64, layer: Int, step: UInt64, kept: Int, firstElement: Int = 0) {
    precondition(
      firstElement >= 0 && firstElement % DropoutMask.step == 0,
      "a mask starts at a multiple of \(DropoutMask.step), not at \(firstElement)")
    precondition(
      layer >= 0 && layer < 1 << 23, "a network has at most 8388608 dropout layers, not \(layer)")
    self.seed = seed
    // The highest bit keeps clear of the streams of first values and orders, which are small numbers.
    stream = 1 << 63 | UInt64(layer) << 40 | step & (1 << 40 - 1)
    self.kept = kept
    self.firstElement = firstElement
  }

  /// The number of the first block of random bits of an example, which has up to 2²⁸.
  ///
  /// - Precondition: The number is from 0 up to 2³⁶.
  func index(of example: Int) -> UInt64 {
    precondition(
      example >= 0 && example < 1 << 36, "examples have numbers below 2^36, not \(example)")
    return UInt64(example) << 28 + UInt64(8 * (firstElement / DropoutMask.step))
  }

  /// Whether an element is kept.
  ///
  /// The bits lie where eight blocks at a time put them in memory: see `drop` in `activations.h`.
  package func keeps(_ element: Int, of example: Int) -> Bool {
    let block = UInt64(8 * (element / 64) + element % 32 / 4)
    let words = Philox(seed: seed).block(at: index(of: example) + block, stream: stream)
    let word = words[2 * (element / 32 % 2) + element % 4 / 2]
    return Int(word >> (element % 2 == 0 ? 0 : 16) & 0xFFFF) < kept
  }
}
