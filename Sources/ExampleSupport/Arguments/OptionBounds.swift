internal import ArgumentParser

/// The bounds of numbers on a command line, which prevent numbers that are too large to compute with.
public enum OptionBounds {
  /// The largest count that an option accepts; the product of two such counts still fits into an Int.
  public static let most = 1_000_000_000

  /// Checks that a whole number is within bounds.
  ///
  /// - Parameters:
  ///   - option: The option's name, without dashes.
  ///   - value: The number, or nil if it was not given.
  ///   - bounds: The range of numbers that are allowed.
  /// - Throws: A `ValidationError`, which ends the program with exit status 64.
  public static func check(
    _ option: String, _ value: Int?, in bounds: ClosedRange<Int> = 1...most
  ) throws {
    guard let value, !bounds.contains(value) else { return }
    let words =
      bounds.upperBound == most && value < bounds.lowerBound
      ? "\(bounds.lowerBound) or more" : "\(bounds.lowerBound) to \(bounds.upperBound)"
    throw ValidationError("--\(option) must be \(words), not \(value).")
  }

  /// Checks that a number is finite and within bounds.
  ///
  /// - Parameters:
  ///   - option: The option's name, without dashes.
  ///   - value: The number, or nil if it was not given.
  ///   - least: The smallest number allowed; if `isOpen`, the number must be greater.
  ///   - limit: The number must be less than this.
  ///   - isOpen: Whether `least` itself is excluded.
  /// - Throws: A `ValidationError`, which ends the program with exit status 64.
  public static func check(
    _ option: String, _ value: Double?, from least: Double = 0, below limit: Double = .infinity,
    isOpen: Bool = false
  ) throws {
    guard let value else { return }
    if value < limit, isOpen ? value > least : value >= least { return }
    let start = least == least.rounded() ? "\(Int(least))" : "\(least)"
    let words =
      limit < .infinity
      ? "\(isOpen ? "above" : "from") \(start) \(isOpen ? "and below" : "up to") \(Int(limit))"
      : isOpen ? "above \(start)" : "\(start) or more"
    throw ValidationError("--\(option) must be \(words), not \(value).")
  }
}
