/// The picture as text, for a terminal of 80 columns.
struct TextPicture {
  /// How the cells of a grid are spaced and labelled.
  private struct Style {
    /// Whether a sign before each cell tells how its new value arrived: added or copied.
    let hasSign: Bool
    let gap: Int
    let label: String
  }

  private static let width = 80
  private let story: ScheduleStory
  /// The widest style that fits; nil where the grid would be too wide in any style.
  private let style: Style?

  init(_ story: ScheduleStory) {
    self.story = story
    let cell = (story.isReduction ? story.ranks : 1) + 1
    let styles = [
      Style(hasSign: true, gap: 2, label: "rank "), Style(hasSign: true, gap: 1, label: "rank "),
      Style(hasSign: false, gap: 1, label: ""), Style(hasSign: false, gap: 0, label: ""),
    ]
    style = styles.first {
      let columns = story.pieces.count * (cell + $0.gap + ($0.hasSign ? 1 : 0))
      return story.hasCells && $0.label.count + 2 + columns <= TextPicture.width
    }
  }

  /// The whole picture as text.
  var text: String {
    var lines = ["\(story.title)", "\(story.subject)"]
    if let style, story.count > 0 {
      lines += legend(style) + ["", "Start"] + grid(after: 0, style)
    }
    for round in story.rounds.indices {
      lines += [""] + messages(round)
      if let style { lines += grid(after: round + 1, style) }
    }
    return (lines + [""] + counts()).joined(separator: "\n")
  }

  private func legend(_ style: Style) -> [String] {
    var signs: [String] = []
    if style.hasSign {
      signs += story.isReduction ? ["+ just added", "= just copied"] : ["= just copied"]
    }
    if story.isReduction { signs.append("* complete") }
    return ["A cell shows the ranks whose values it contains.", signs.joined(separator: "; ")]
  }

  private func messages(_ round: Int) -> [String] {
    var lines: [String] = []
    for isAdded in [true, false] {
      let messages = story.rounds[round].filter { $0.isAdded == isAdded }
      if messages.isEmpty { continue }
      var line =
        (lines.isEmpty ? "Step \(round + 1), " : "  and ") + (isAdded ? "added:" : "copied:")
      for message in messages {
        let words = "   \(message.source) ─\(message.name)→ \(message.destination)"
        if line.count + words.count > TextPicture.width {
          lines.append(line)
          line = "       "
        }
        line += words
      }
      lines.append(line)
    }
    return lines
  }

  private func grid(after round: Int, _ style: Style) -> [String] {
    let width = (story.isReduction ? story.ranks : 1) + 1
    func lead(_ column: Int) -> String {
      String(repeating: " ", count: column == 0 ? max(style.gap, 1) : style.gap)
    }
    var head = String(repeating: " ", count: style.label.count + 1)
    for (column, name) in story.pieces.names.enumerated() {
      head += lead(column) + (style.hasSign ? " " : "") + name.padding(to: width)
    }
    let rows = (0..<story.ranks).map { rank in
      var row = "\(style.label)\(rank)"
      for column in 0..<story.pieces.count {
        let content = story.contents[round][rank][column]
        let mark = story.isReduction && story.isComplete(content) ? "*" : " "
        row += lead(column) + (style.hasSign ? sign(round, rank, column) : "")
        row += digits(content) + mark
      }
      return row
    }
    return ([head] + rows).map(\.withoutTrailingSpaces)
  }

  private func sign(_ round: Int, _ rank: Int, _ column: Int) -> String {
    guard round > 0 else { return " " }
    // A rank's value may change in a later round than the message arrived, while the rank still has to send the old
    // value.
    let before = story.contents[round - 1][rank][column]
    let now = story.contents[round][rank][column]
    let isCopied = story.rounds[round - 1].contains {
      $0.destination == rank && !$0.isAdded && $0.columns.contains(column)
    }
    if isCopied { return "=" }
    return before == now ? " " : "+"
  }

  private func digits(_ content: UInt64) -> String {
    let holders = (0..<story.ranks).filter { content >> UInt64($0) & 1 == 1 }
    if !story.isReduction { return holders.first.map(String.init) ?? "·" }
    return (0..<story.ranks).map { holders.contains($0) ? "\($0)" : "·" }.joined()
  }

  private func counts() -> [String] {
    let cost = CostLines(story)
    let wide = cost.lines.map(\.what.count).max() ?? 0
    let high = cost.lines.map { "\($0.found)".count }.max() ?? 0
    let lines = cost.lines.map { line in
      (line.what.padding(to: wide + 2)
        + String(repeating: " ", count: high - "\(line.found)".count) + "\(line.found) "
        + line.formula).withoutTrailingSpaces
    }
    var symbols: [String] = []
    for symbol in cost.symbols {
      if let last = symbols.last, last.count + symbol.count + 2 <= TextPicture.width {
        symbols[symbols.count - 1] += ", " + symbol
      } else {
        symbols.append(symbol)
      }
    }
    return lines + symbols
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }

  fileprivate var withoutTrailingSpaces: String {
    String(reversed().drop { $0 == " " }.reversed())
  }
}
