import AllReduce
import ExampleSupport

/// What was measured at one size.
struct SizeResult {
  let bytes: Int
  let rows: [Row]

  /// The figures of one contender.
  struct Row {
    /// What ran; never `automatic`.
    let contender: Contender
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

    /// Figures of calls that took so many seconds.
    init(
      _ entry: Lineup.Entry, seconds: [Double], bytes: Int, ranks: Int, isCorrect: Bool?,
      wrongResult: WrongResult?
    ) {
      contender = entry.contender
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

    /// The name for people: "ring", or "automatic (ring)" where only that was asked for.
    var label: String {
      requested == [ReductionAlgorithm.automatic.name]
        ? "automatic (\(contender.name))" : contender.name
    }
  }

  /// The fastest of at least two algorithms; not one that is wrong.
  var fastest: Row? {
    let algorithms = rows.filter { !$0.contender.isYardstick && $0.isCorrect != false }
    return algorithms.count < 2 ? nil : algorithms.min { $0.median < $1.median }
  }

  var wrongResults: [WrongResult] { rows.compactMap(\.wrongResult) }

  /// The row that answers a request.
  func row(requested name: String) -> Row? { rows.first { $0.requested.contains(name) } }
}
