#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Where the values of a logarithmic axis are drawn, and at which of them it has ticks.
struct LogScale {
  private let base: Double
  private let low: Double
  private let high: Double
  private let start: Double
  private let end: Double

  /// A scale that has room for all values.
  ///
  /// - Parameters:
  ///   - values: All above zero; none makes an axis around one.
  ///   - base: Ticks stand at powers of it.
  ///   - start: The pixel at which the lowest value is drawn.
  ///   - end: The pixel at which the highest is.
  ///   - isTight: Whether the axis ends at the values, rather than at the powers around them.
  init(_ values: [Double], base: Double, from start: Double, to end: Double, isTight: Bool) {
    self.base = base
    self.start = start
    self.end = end
    let exponents = values.map { log($0) / log(base) }
    var (low, high) = (exponents.min() ?? 0, exponents.max() ?? 0)
    if !isTight { (low, high) = ((low + 1e-9).rounded(.down), (high - 1e-9).rounded(.up)) }
    if high - low < 1e-6 { (low, high) = (low - 1, high + 1) }
    (self.low, self.high) = (low, high)
  }

  /// The pixel of a value.
  func place(_ value: Double) -> Double {
    start + (log(value) / log(base) - low) / (high - low) * (end - start)
  }

  /// Whole powers of the base, thinned out evenly to at most this many.
  func ticks(atMost count: Int) -> [Double] {
    let first = Int((low - 1e-9).rounded(.up))
    let last = Int((high + 1e-9).rounded(.down))
    guard first <= last else { return [] }
    let step = (last - first) / count + 1
    return stride(from: first, through: last, by: step).map { pow(base, Double($0)) }
  }

  /// The multiples of a power of ten between it and the next.
  var minorTicks: [Double] {
    guard base == 10 else { return [] }
    let decades = Int(low.rounded(.down))..<max(Int(low.rounded(.down)) + 1, Int(high.rounded(.up)))
    return decades.flatMap { decade in (2...9).map { Double($0) * pow(10, Double(decade)) } }
      .filter { log10($0) >= low && log10($0) <= high }
  }
}
