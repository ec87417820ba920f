/// How a parameter's initial values are drawn.
///
/// Each element's random number is computed from the element's index (`Philox`), so the values do not depend on which
/// process draws them, or in how many pieces.
public enum Initialization: Hashable, Sendable {
  /// The same value for every element.
  case constant(Double)
  /// He: normal with standard deviation √(2 / fanIn), for layers before rectifiers. He, Zhang, Ren and Sun, 2015.
  case he(fanIn: Int)
  /// Glorot: uniform within ±√(6 / (fanIn + fanOut)), for layers before saturating units. Glorot and Bengio, 2010.
  case glorot(fanIn: Int, fanOut: Int)
  /// Normal with mean 0 and this standard deviation.
  case normal(deviation: Double)

  /// Returns the initial value of one element of a parameter. `stream` is the parameter's stream of random numbers.
  package func value(at index: Int, random: Philox, stream: UInt64) -> Double {
    switch self {
    case .constant(let value): value
    case .he(let fanIn):
      random.gaussian(at: UInt64(index), stream: stream) * (2 / Double(fanIn)).squareRoot()
    case .glorot(let fanIn, let fanOut):
      (2 * random.uniform(at: UInt64(index), stream: stream) - 1)
        * (6 / Double(fanIn + fanOut)).squareRoot()
    case .normal(let deviation):
      random.gaussian(at: UInt64(index), stream: stream) * deviation
    }
  }

  /// Draws the initial values of contiguous elements; the first has index `start` in the whole parameter.
  func fill<Scalar: NetworkScalar>(
    _ values: UnsafeMutableBufferPointer<Scalar>, from start: Int, random: Philox, stream: UInt64
  ) {
    guard let base = UnsafeMutableRawPointer(values.baseAddress) else { return }
    if Scalar.self == Float.self {
      fill(
        base.assumingMemoryBound(to: Float.self), values.count, from: start, random, stream)
    } else {
      for index in values.indices {
        values[index] = Scalar(value(at: start + index, random: random, stream: stream))
      }
    }
  }

  private func fill(
    _ values: UnsafeMutablePointer<Float>, _ count: Int, from start: Int, _ random: Philox,
    _ stream: UInt64
  ) {
    for index in 0..<count {
      values[index] = Float(value(at: start + index, random: random, stream: stream))
    }
  }
}
