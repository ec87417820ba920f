extension Collection<Double> {
  /// The value below which that part of the values lies: 0.5 for the median. 0 without values.
  func quantile(_ part: Double) -> Double {
    let sorted = self.sorted()
    return sorted.isEmpty ? 0 : sorted[Swift.min(Int(part * Double(count)), count - 1)]
  }
}
