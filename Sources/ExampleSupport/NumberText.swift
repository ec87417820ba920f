import Foundation

extension Double {
  /// The number with this many significant digits, as people read it: 0.517748, 1.2e-09.
  public func formatted(digits: Int) -> String {
    String(format: "%.*g", digits, self)
  }

  /// The number with this many digits after the point.
  public func formatted(decimals: Int) -> String {
    String(format: "%.*f", decimals, self)
  }
}

extension Int {
  /// The number with commas between thousands: 12,345.
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
