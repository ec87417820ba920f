import AllReduce
import ExampleSupport

/// The results as one JSON object: a row for each measurement that was asked for.
struct JSONReport {
  private let options: BenchOptions
  private let setting: Setting

  init(_ options: BenchOptions, _ setting: Setting) {
    self.options = options
    self.setting = setting
  }

  /// Returns the JSON object.
  func value(_ all: [SizeResult], _ peers: [PeerTimes]) -> JSONValue {
    .object([
      ("ranks", .integer(setting.ranks)),
      ("hosts", .integer(setting.hosts)),
      ("cores", .integer(setting.cores)),
      ("mpi", .text(setting.mpi)),
      ("automatic_choices", .text(setting.tuningFile ?? "built-in")),
      ("type", .text("\(options.type)")),
      ("operation", .text("\(options.operation)")),
      ("in_place", .boolean(options.inPlace)),
      ("rows", .list(all.flatMap(rows))),
      ("peers", .list(peers.flatMap { peerRows($0, all) })),
    ])
  }

  private func rows(_ result: SizeResult) -> [JSONValue] {
    result.rows.flatMap { row in
      row.requested.map { requested in
        .object([
          ("algorithm", .text(row.contender.name)),
          ("algorithm_requested", .text(requested)),
          ("buffers", .text(row.buffers.rawValue)),
          ("wire_format", .text("\(row.wireFormat)")),
          ("bytes", .integer(result.bytes)),
          ("calls", .integer(row.calls)),
          ("median_us", .number(rounded(row.median * 1e6))),
          ("p10_us", .number(rounded(row.p10 * 1e6))),
          ("p99_us", .number(rounded(row.p99 * 1e6))),
          ("algbw_GBps", .number(row.algorithmBandwidth / 1e9)),
          ("busbw_GBps", .number(row.busBandwidth / 1e9)),
          ("correct", row.isCorrect.map { .boolean($0) } ?? .null),
        ])
      }
    }
  }

  private func peerRows(_ peer: PeerTimes, _ all: [SizeResult]) -> [JSONValue] {
    all.compactMap { result in
      peer.medians[result.bytes].map { median in
        .object([
          ("peer", .text(peer.name)),
          ("bytes", .integer(result.bytes)),
          ("median_us", .number(rounded(median * 1e6))),
        ])
      }
    }
  }

  /// Rounds to whole nanoseconds, the resolution of the clock.
  private func rounded(_ micros: Double) -> Double { (micros * 1e3).rounded() / 1e3 }
}
