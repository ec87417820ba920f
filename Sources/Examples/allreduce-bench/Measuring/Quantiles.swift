extension Collection<Double> {
  /// Returns the value below which the share `part` of the values lies: 0.5 for the median. Returns 0 if there are no
  /// values.
  func quantile(_ part: Double) -> Double {
    let sorted = self.sorted()
    return sorted.isEmpty ? 0 : sorted[Swift.min(Int(part * Double(count)), count - 1)]
  }
}
