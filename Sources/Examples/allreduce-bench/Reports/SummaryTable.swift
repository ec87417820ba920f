import AllReduce
import ExampleSupport

/// The medians of all sizes: a row for each size, which names the fastest contender.
struct SummaryTable {
  /// A column of medians: a contender in one kind of buffer.
  private struct Column {
    let name: String
    let buffers: Buffers
    let title: String
  }

  private let all: [SizeResult]
  private let columns: [Column]
  private let peers: [PeerTimes]

  init(
    _ all: [SizeResult], _ contenders: [Contender], _ choice: Buffers.Choice, _ peers: [PeerTimes]
  ) {
    self.all = all
    // If a peer was not measured at any of these sizes, its column would be empty.
    self.peers = peers.filter { peer in all.contains { peer.medians[$0.bytes] != nil } }
    columns = contenders.flatMap { contender in
      contender.buffers(choice).map {
        Column(
          name: contender.name, buffers: $0,
          title: SizeResult.Row.label(contender.name, $0, isYardstick: contender.isYardstick))
      }
    }.filter { column in
      // A column whose times all stand in other columns would add nothing.
      all.contains { result in
        result.row(requested: column.name, column.buffers)
          .map { $0.requested[0] == column.name || !$0.isMarked } ?? false
      }
    }
  }

  /// The table, below a line that says what it shows.
  var text: String {
    let marksAutomatic = all.contains { $0.rows.contains(where: \.isMarked) }
    let ratios = Buffers.allCases.filter { kind in
      !peers.isEmpty && all.contains { $0.own(kind) != nil }
    }
    var titles = ["size"] + columns.map { marksAutomatic ? $0.title + " " : $0.title }
    titles += peers.map(\.name) + ratios.map { "\($0.rawValue) : peer" } + ["fastest"]
    var table = TextTable(
      titles: titles,
      alignments: Array(repeating: .right, count: titles.count - 1) + [.left])
    for result in all {
      var cells = [ByteCount(result.bytes).text]
      cells += columns.map { column in
        guard let row = result.row(requested: column.name, column.buffers) else { return "" }
        let mark = marksAutomatic ? (row.isMarked ? "*" : " ") : ""
        return TableReport.time(row.median) + mark
      }
      cells += peers.map { $0.medians[result.bytes].map(TableReport.time) ?? "" }
      cells += ratios.map { ratio(result, $0) }
      table.add(cells + [fastest(result)])
    }
    var lines = ["Medians in µs" + (marksAutomatic ? "; * is what automatic chooses" : "")]
    if !ratios.isEmpty {
      lines.append(
        ": peer is how many times as fast as the best peer the library is in such buffers")
    }
    return lines.joined(separator: "\n") + "\n" + table.text
  }

  private func ratio(_ result: SizeResult, _ kind: Buffers) -> String {
    guard let own = result.own(kind), let peer = peers.best(bytes: result.bytes) else { return "" }
    return (peer.median / max(own.median, 1e-9)).formatted(decimals: 2)
  }

  private func fastest(_ result: SizeResult) -> String {
    let peer = peers.best(bytes: result.bytes)
    if let peer, let own = result.fastest ?? result.own(.arena) ?? result.own(.array) {
      return peer.median < own.median ? peer.name : own.label
    }
    return result.fastest?.label ?? ""
  }
}
