/// The rule behind `automatic`, and each algorithm's segments.
///
/// By size and ranks alone, so that all ranks choose alike.
enum AutomaticChoice {
  /// The schedule for a vector of so many bytes.
  static func schedule(bytes: Int, size: Int) -> ReductionAlgorithm.Kind {
    if bytes <= 16 << 10 { return .recursiveDoubling }
    if size.nonzeroBitCount == 1 && bytes <= 512 << 10 { return .halvingDoubling }
    return .ring
  }

  /// The most bytes a message carries, unless the caller says otherwise.
  static func segmentBytes(_ algorithm: ReductionAlgorithm.Kind) -> Int {
    switch algorithm {
    case .tree: 64 << 10
    default: 256 << 10
    }
  }
}
