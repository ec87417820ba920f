package import AllReduce
package import AllReduceMPI

/// How far a sum may be off that travelled in 16 bits, as `docs/algorithms.md` states it.
package struct WireErrorBound {
  private let factor: Double
  private let below: Double

  /// The bound of a collective over `size` ranks.
  package init(
    _ collective: Collective, by algorithm: ReductionAlgorithm.Kind, size: Int,
    _ wireFormat: WireFormat
  ) {
    self.init(
      roundings: ScheduleCost.roundings(collective, by: algorithm, size: size).value, size: size,
      wireFormat)
  }

  /// The bound for contributions of `size` ranks that are rounded so often at most.
  package init(roundings: Double, size: Int, _ wireFormat: WireFormat) {
    func power(_ base: Double, _ exponent: Double) -> Double {
      (0..<Int(exponent)).reduce(1) { product, _ in product * base }
    }
    let growth =
      power(1 + wireFormat.unitRoundoff, roundings) * power(1 + 0x1p-24, Double(size))
    factor = growth - 1
    below = 2 * Double(size) * wireFormat.smallestStepRoundoff * growth
  }

  /// The first element that is farther from what it should be than it may, in words.
  ///
  /// - Parameters:
  ///   - values: A rank's result.
  ///   - vectors: What the ranks contributed.
  ///   - divisor: What the sum is divided by: 1, or for a mean the number of ranks.
  /// - Returns: Nil if all are within the bound.
  package func firstViolation(
    _ values: some Collection<Float>, of vectors: [[Float]], dividedBy divisor: Int = 1
  ) -> String? {
    for (element, value) in values.enumerated() {
      let terms = vectors.map { Double($0[element]) / Double(divisor) }
      let (sum, size) = (terms.reduce(0, +), terms.reduce(0) { $0 + abs($1) })
      let error = abs(Double(value) - sum)
      // The exact sum is one of doubles here, which is off by far less than a Float can be.
      let allowed = factor * size + below + 1e-12 * size
      if !(error <= allowed) {
        return "element \(element) is \(value), \(error) from \(sum), where \(allowed) is allowed"
      }
    }
    return nil
  }
}
