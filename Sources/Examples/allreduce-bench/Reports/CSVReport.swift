import ExampleSupport

/// The results as comma-separated values: a row for each contender and kind of buffer that ran.
struct CSVReport {
  static let header =
    "algorithm,buffers,wire_format,type,operation,ranks,hosts,bytes,median_us,p10_us,p99_us,"
    + "algbw_GBps,busbw_GBps,correct"

  private let options: BenchOptions
  private let setting: Setting

  init(_ options: BenchOptions, _ setting: Setting) {
    self.options = options
    self.setting = setting
  }

  /// Returns the rows of one size.
  func rows(_ result: SizeResult) -> String {
    result.rows.map { row in
      let micros = [row.median, row.p10, row.p99].map { ($0 * 1e6).formatted(decimals: 3) }
      let bandwidths = [row.algorithmBandwidth, row.busBandwidth].map {
        ($0 / 1e9).formatted(decimals: 6)
      }
      let texts = [
        row.contender.name, row.buffers.rawValue, "\(row.wireFormat)", "\(options.type)",
        "\(options.operation)",
        "\(setting.ranks)", "\(setting.hosts)", "\(result.bytes)",
      ]
      let correct = row.isCorrect.map { $0 ? "1" : "0" } ?? ""
      return (texts + micros + bandwidths + [correct]).joined(separator: ",")
    }.joined(separator: "\n")
  }
}
