internal import ArgumentParser

/// The bounds of numbers on a command line, so that none is too large to compute with.
public enum OptionBounds {
  /// The most of anything that is counted: products of two such numbers are still whole numbers.
  public static let most = 1_000_000_000

  /// Makes sure that a whole number is within bounds.
  ///
  /// - Parameters:
  ///   - option: Its name, without dashes.
  ///   - value: The number, or nil if it was not given.
  ///   - bounds: The numbers that are allowed.
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

  /// Makes sure that a number is finite and within bounds.
  ///
  /// - Parameters:
  ///   - option: Its name, without dashes.
  ///   - value: The number, or nil if it was not given.
  ///   - least: The least number allowed; the number must be above it if `isOpen`.
  ///   - limit: The number must be below it.
  ///   - isOpen: Whether `least` itself is not allowed.
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
