internal import AllReduce

/// One property that is compared between ranks, such as the program or its options.
struct CheckRow {
  /// The property's name.
  let name: String
  /// The property's value on each rank.
  let values: [String]

  init(_ name: String, _ values: [String]) {
    (self.name, self.values) = (name, values)
  }

  /// Whether all ranks have the same value.
  var agrees: Bool { values.allSatisfy { $0 == values[0] } }

  /// Each different value with the ranks that have it, the most frequent value first.
  var groups: [(value: String, ranks: [Int])] {
    let ranks = Dictionary(grouping: values.indices) { values[$0] }
    return ranks.map { ($0, $1) }.sorted {
      ($1.1.count, $0.1[0]) < ($0.1.count, $1.1[0])
    }
  }
}

/// The result of comparing the ranks of a job.
struct CheckReport {
  let rows: [CheckRow]
  let links: [LinkTimes.Link]
  let hosts: [[Int]]

  /// The report as a table for people.
  var text: String {
    var table = TextTable(
      titles: ["", "ranks", "what they have"], alignments: [.left, .left, .left])
    for row in rows {
      for (index, group) in row.groups.enumerated() {
        let who = row.agrees ? "all" : CheckReport.ranks(group.ranks)
        table.add([index == 0 ? row.name : "", who, group.value])
      }
    }
    for kind in LinkTimes.Kind.allCases {
      let all = links.filter { $0.kind == kind }
      if all.isEmpty { continue }
      let slow = all.filter(\.isSlow)
      let usual = all.filter { !$0.isSlow }
      let words = LinkTimes.words(usual.isEmpty ? all : usual)
      table.add([kind.name, slow.isEmpty ? "all" : "most", words])
      for link in slow { table.add(["", "\(link.a) and \(link.b)", LinkTimes.words([link])]) }
    }
    return table.text + (difference == nil ? "\nAll ranks agree." : "")
  }

  /// Sentences that say what differs between ranks or links; nil if nothing does.
  var difference: String? {
    let differing = rows.filter { !$0.agrees }.map(\.name)
    let slow = links.filter(\.isSlow)
    var sentences: [String] = []
    if !differing.isEmpty {
      sentences.append("Ranks differ in \(differing.joined(separator: ", ")).")
    }
    for link in slow.prefix(4) {
      sentences.append(
        "The link between ranks \(link.a) and \(link.b) has less than half the median bandwidth of the others."
      )
    }
    if slow.count > 4 { sentences.append("So have \(slow.count - 4) more.") }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }

  /// Lists rank numbers: the first 8, then the number of those left out.
  private static func ranks(_ ranks: [Int]) -> String {
    let shown = ranks.prefix(8).map(String.init).joined(separator: ", ")
    return ranks.count > 8 ? "\(shown) and \(ranks.count - 8) more" : shown
  }
}
