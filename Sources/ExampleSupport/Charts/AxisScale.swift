#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The scale of an axis: maps values to pixels and chooses the ticks.
struct AxisScale {
  /// How positions grow with values.
  enum Kind: Sendable, Equatable {
    case linear
    /// Positions grow with the logarithm of the value; ticks are at whole powers of the base.
    case logarithmic(base: Double)
  }

  private let kind: Kind
  /// The lowest and highest value of the axis; their logarithms where it is logarithmic.
  private let low: Double
  private let high: Double
  private let start: Double
  private let end: Double

  /// Creates a scale whose range includes all of the values.
  ///
  /// - Parameters:
  ///   - values: The values, above zero where the axis is logarithmic. Without any, the axis has a range around 0, or
  ///     around 1 if logarithmic.
  ///   - kind: How positions grow with values.
  ///   - start: The pixel at which the lowest value is drawn.
  ///   - end: The pixel at which the highest value is drawn.
  ///   - isTight: Whether the axis ends at the outermost values, rather than at the ticks around them. A tight linear
  ///     axis begins at 0 if the lowest value is near 0.
  init(_ values: [Double], _ kind: Kind, from start: Double, to end: Double, isTight: Bool) {
    self.kind = kind
    self.start = start
    self.end = end
    let places = values.map { AxisScale.exponent($0, kind) }
    var (low, high) = (places.min() ?? 0, places.max() ?? 0)
    if high - low < 1e-9 { (low, high) = (low - 1, high + 1) }
    if isTight {
      if kind == .linear, low > 0, low < 0.1 * high { low = 0 }
    } else {
      let step = kind == .linear ? AxisScale.step(high - low, atMost: 10) : 1
      (low, high) = (
        ((low + 1e-9 * step) / step).rounded(.down) * step,
        ((high - 1e-9 * step) / step).rounded(.up) * step
      )
    }
    (self.low, self.high) = (low, high)
  }

  /// Returns the pixel at which a value is drawn.
  func place(_ value: Double) -> Double {
    start + (AxisScale.exponent(value, kind) - low) / (high - low) * (end - start)
  }

  /// Returns ticks. A linear axis is divided at round numbers into at most `count` steps; a logarithmic axis has at most
  /// `count` whole powers of the base, thinned out evenly, or if it is a short axis of powers of ten, also 2 and 5 times
  /// each power.
  func ticks(atMost count: Int) -> [Double] {
    switch kind {
    case .linear:
      let step = AxisScale.step(high - low, atMost: count)
      let first = (low / step - 1e-9).rounded(.up)
      return stride(from: first, through: high / step + 1e-9, by: 1).map { $0 * step + 0 }
    case .logarithmic(let base):
      let first = Int((low - 1e-9).rounded(.up))
      let last = Int((high + 1e-9).rounded(.down))
      // With fewer than two steps between powers of ten, there are ticks between them too.
      if base == 10, last - first < 2 {
        let between = (first - 1...last).flatMap { power in
          [1, 2, 5].map { $0 * pow(10, Double(power)) }
        }.filter { log10($0) >= low - 1e-9 && log10($0) <= high + 1e-9 }
        if between.count <= count { return between }
      }
      guard first <= last else { return [] }
      let step = (last - first) / count + 1
      return stride(from: first, through: last, by: step).map { pow(base, Double($0)) }
    }
  }

  /// On an axis of powers of ten, the multiples between each power and the next: 2, 3, ... 9 times the power. Empty
  /// on other axes.
  var minorTicks: [Double] {
    guard kind == .logarithmic(base: 10) else { return [] }
    let decades = Int(low.rounded(.down))..<max(Int(low.rounded(.down)) + 1, Int(high.rounded(.up)))
    return decades.flatMap { decade in (2...9).map { Double($0) * pow(10, Double(decade)) } }
      .filter { log10($0) >= low && log10($0) <= high }
  }

  private static func exponent(_ value: Double, _ kind: Kind) -> Double {
    switch kind {
    case .linear: value
    case .logarithmic(let base): log(value) / log(base)
    }
  }

  /// Returns the smallest of 1, 2 or 5 times a power of ten that divides `length` into at most `count` pieces.
  private static func step(_ length: Double, atMost count: Int) -> Double {
    let least = length / Double(max(count, 1))
    let power = pow(10, log10(least).rounded(.down))
    return power * ([1, 2, 5, 10].first { $0 * power >= least * (1 - 1e-9) } ?? 10)
  }
}

/// Ticks of an axis that begins at 0.
public enum AxisTicks {
  /// Returns round numbers from 0 up to `end`: 0, and at most `count` more.
  public static func round(upTo end: Double, atMost count: Int) -> [Double] {
    AxisScale([0, end], .linear, from: 0, to: 1, isTight: true).ticks(atMost: count)
  }
}
