import AllReduce
import ExampleSupport

/// The measurements at one size.
struct SizeResult {
  let bytes: Int
  let rows: [Row]
  /// How long the slowest rank took for the fastest warm-up call of each, with rewriting and checking.
  let roundSeconds: Double

  /// The figures of one contender.
  struct Row {
    /// The algorithm that ran; never `automatic`.
    let contender: Contender
    let buffers: Buffers
    /// How elements travelled.
    let wireFormat: WireFormat
    /// The names that were asked for and led to it.
    let requested: [String]
    /// The calls that count.
    let calls: Int
    let median: Double
    let p10: Double
    let p99: Double
    /// Bytes a second.
    let algorithmBandwidth: Double
    /// Bytes a second.
    let busBandwidth: Double
    /// Nil if it was not checked, or has no result.
    let isCorrect: Bool?
    let wrongResult: WrongResult?

    /// Figures of calls that took these seconds.
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
      // A clock that did not move would make it infinite.
      algorithmBandwidth = Double(bytes) / max(median, 1e-9)
      busBandwidth = algorithmBandwidth * 2 * Double(ranks - 1) / Double(ranks)
      self.isCorrect = isCorrect
      self.wrongResult = wrongResult
    }

    /// Whether `automatic` was asked for and chose this one.
    var isAutomatic: Bool { requested.contains(ReductionAlgorithm.automatic.name) }

    /// Whether it was asked for by its own name, and is what `automatic` chose too.
    var isMarked: Bool { isAutomatic && requested.count > 1 }

    /// The name for people: "ring", or "automatic (ring)" where only that was asked for.
    var label: String {
      let name =
        requested == [ReductionAlgorithm.automatic.name]
        ? "automatic (\(contender.name))" : contender.name
      let format = wireFormat == .full ? "" : ", \(wireFormat)"
      return Row.label(name + format, buffers, isYardstick: contender.isYardstick)
    }

    /// A name for people that says where the elements are, if not in memory of the rank's own.
    static func label(_ name: String, _ buffers: Buffers, isYardstick: Bool) -> String {
      buffers == .arena && !isYardstick ? name + ", arena" : name
    }
  }

  /// The fastest of at least two algorithms; not one that is wrong.
  var fastest: Row? {
    let algorithms = rows.filter { !$0.contender.isYardstick && $0.isCorrect != false }
    return algorithms.count < 2 ? nil : algorithms.min { $0.median < $1.median }
  }

  var wrongResults: [WrongResult] { rows.compactMap(\.wrongResult) }

  /// The row that answers a request.
  func row(requested name: String, _ buffers: Buffers) -> Row? {
    rows.first { $0.buffers == buffers && $0.requested.contains(name) }
  }

  /// The time that a user of the library gets in such buffers: automatic's where that was asked for,
  /// else that of the best of its own algorithms.
  func own(_ buffers: Buffers) -> Row? {
    if let row = row(requested: ReductionAlgorithm.automatic.name, buffers) { return row }
    let others = [Contender.allReduce(.native)]
    return rows.filter {
      $0.buffers == buffers && !$0.contender.isYardstick && !others.contains($0.contender)
        && $0.isCorrect != false
    }.min { $0.median < $1.median }
  }
}
