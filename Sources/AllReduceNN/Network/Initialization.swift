/// How a parameter's first values are drawn.
///
/// Every element has a random number of its own, by its place (``Philox``), so the values do not depend on
/// who draws them or in how many pieces.
public enum Initialization: Hashable, Sendable {
  /// One value everywhere.
  case constant(Double)
  /// He, normal with deviation √(2 / fanIn): before rectifiers. He, Zhang, Ren and Sun, 2015.
  case he(fanIn: Int)
  /// Glorot, uniform within ±√(6 / (fanIn + fanOut)): before saturating units. Glorot and Bengio, 2010.
  case glorot(fanIn: Int, fanOut: Int)
  /// Normal with a deviation.
  case normal(deviation: Double)

  /// The value of an element of the parameter whose numbers come from `stream`.
  public func value(at index: Int, random: Philox, stream: UInt64) -> Double {
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
}
