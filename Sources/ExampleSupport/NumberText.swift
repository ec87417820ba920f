import Foundation

extension Double {
  /// Formats the number with `digits` significant digits: 0.517748, 1.2e-09.
  public func formatted(digits: Int) -> String {
    String(format: "%.*g", digits, self)
  }

  /// Formats the number with `decimals` digits after the point.
  public func formatted(decimals: Int) -> String {
    String(format: "%.*f", decimals, self)
  }
}

extension Int {
  /// The number as text with commas between thousands: 12,345.
  public var grouped: String {
    var text = String(magnitude)
    var place = text.count - 3
    while place > 0 {
      text.insert(",", at: text.index(text.startIndex, offsetBy: place))
      place -= 3
    }
    return self < 0 ? "-" + text : text
  }
}
