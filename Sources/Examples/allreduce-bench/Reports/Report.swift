import AllReduce
import ExampleSupport

/// Prints results as they are measured, in the format that was asked for.
struct Report {
  private let options: BenchOptions
  private let contenders: [Contender]
  private let peers: [PeerTimes]
  private let setting: Setting
  private let console: RankConsole

  init(
    _ options: BenchOptions, _ contenders: [Contender], _ peers: [PeerTimes], _ setting: Setting,
    _ console: RankConsole
  ) {
    self.options = options
    self.contenders = contenders
    self.peers = peers
    self.setting = setting
    self.console = console
  }

  /// Prints what is about to be measured, and on which ranks and hosts.
  func begin() throws {
    let header = """
      all-reduce of \(options.type), \(options.operation), \
      \(options.inPlace ? "in place" : "from a separate buffer"); \(setting.text)
      The choices of automatic: \(setting.tuningFile ?? "built-in").
      """
    switch options.format {
    case .table:
      try console.print(header)
      try console.print("Times of the slowest rank in µs, bandwidths in GB/s (1e9 bytes a second).")
    case .csv:
      console.note(header)
      try console.print(CSVReport.header)
    case .json:
      console.note(header)
    }
    if setting.isOversubscribed {
      console.note("There are more ranks than cores: they wait for each other's time slices.")
    }
  }

  /// Prints the results of one size, or a note on the progress.
  func add(_ result: SizeResult) throws {
    switch options.format {
    case .table: try console.print("\n" + TableReport.block(result))
    case .csv:
      try console.print(CSVReport(options, setting).rows(result))
      console.note(progress(result))
    case .json: console.note(progress(result))
    }
  }

  /// Prints what is known only when everything has been measured: the summary table, or the JSON object.
  func end(_ all: [SizeResult]) throws {
    switch options.format {
    case .table:
      if all.count > 1 || !peers.isEmpty {
        try console.print("\n" + SummaryTable(all, contenders, options.buffers, peers).text)
      }
    case .csv: break
    case .json: try console.print(JSONReport(options, setting).value(all, peers).encoded())
    }
  }

  private func progress(_ result: SizeResult) -> String {
    guard let best = result.fastest ?? result.rows.first else { return "" }
    return "\(ByteCount(result.bytes).text): \(best.label) \(TableReport.time(best.median)) µs"
  }
}
