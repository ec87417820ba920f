import AllReduce
import ExampleSupport

/// The results of the measurements at one size.
struct SizeResult {
  let bytes: Int
  let rows: [Row]
  /// The seconds of the fastest warm-up round (one call of each contender) on the slowest rank, including rewriting and
  /// checking.
  let roundSeconds: Double

  /// The figures of one contender.
  struct Row {
    /// The contender that ran; its algorithm is never `automatic`.
    let contender: Contender
    let buffers: Buffers
    /// The format in which elements were sent.
    let wireFormat: WireFormat
    /// The names that were asked for and stand for this contender, such as `automatic`.
    let requested: [String]
    /// The number of calls that the figures are computed from.
    let calls: Int
    let median: Double
    let p10: Double
    let p99: Double
    /// The buffer's bytes divided by the median time, in bytes per second.
    let algorithmBandwidth: Double
    /// The algorithm bandwidth times 2(p-1)/p for p ranks, in bytes per second.
    let busBandwidth: Double
    /// Whether the result was correct; nil if it was not checked, or the contender has no result.
    let isCorrect: Bool?
    let wrongResult: WrongResult?

    /// Computes the figures from the times of the calls, in seconds.
    init(
      _ entry: Lineup.Entry, _ wireFormat: WireFormat, seconds: [Double], bytes: Int, ranks: Int,
      isCorrect: Bool?, wrongResult: WrongResult?
    ) {
      contender = entry.contender
      buffers = entry.buffers
      self.wireFormat = wireFormat
      requested = entry.requested
      calls = seconds.count
      median = seconds.quantile(0.5)
      p10 = seconds.quantile(0.1)
      p99 = seconds.quantile(0.99)
      // If the clock did not advance, the bandwidth would be infinite.
      algorithmBandwidth = Double(bytes) / max(median, 1e-9)
      busBandwidth = algorithmBandwidth * 2 * Double(ranks - 1) / Double(ranks)
      self.isCorrect = isCorrect
      self.wrongResult = wrongResult
    }

    /// Whether `automatic` was asked for and chose this contender.
    var isAutomatic: Bool { requested.contains(ReductionAlgorithm.automatic.name) }

    /// Whether the contender was asked for by its own name and was also chosen by `automatic`.
    var isMarked: Bool { isAutomatic && requested.count > 1 }

    /// The name for people: "ring", or "automatic (ring)" where only `automatic` was asked for.
    var label: String {
      let name =
        requested == [ReductionAlgorithm.automatic.name]
        ? "automatic (\(contender.name))" : contender.name
      let format = wireFormat == .full ? "" : ", \(wireFormat)"
      return Row.label(name + format, buffers, isYardstick: contender.isYardstick)
    }

    /// Returns a name for people, which says where the elements are if they are not in an array.
    static func label(_ name: String, _ buffers: Buffers, isYardstick: Bool) -> String {
      buffers == .arena && !isYardstick ? name + ", arena" : name
    }
  }

  /// The fastest algorithm among those whose results are not wrong; nil if there are fewer than two.
  var fastest: Row? {
    let algorithms = rows.filter { !$0.contender.isYardstick && $0.isCorrect != false }
    return algorithms.count < 2 ? nil : algorithms.min { $0.median < $1.median }
  }

  var wrongResults: [WrongResult] { rows.compactMap(\.wrongResult) }

  /// Returns the row of the contender that was asked for by this name, in this kind of buffer.
  func row(requested name: String, _ buffers: Buffers) -> Row? {
    rows.first { $0.buffers == buffers && $0.requested.contains(name) }
  }

  /// Returns the row with the time that a user of the library gets in such buffers: that of `automatic` if it was asked
  /// for, otherwise that of the fastest of the library's own algorithms.
  func own(_ buffers: Buffers) -> Row? {
    if let row = row(requested: ReductionAlgorithm.automatic.name, buffers) { return row }
    let others = [Contender.allReduce(.native)]
    return rows.filter {
      $0.buffers == buffers && !$0.contender.isYardstick && !others.contains($0.contender)
        && $0.isCorrect != false
    }.min { $0.median < $1.median }
  }
}
