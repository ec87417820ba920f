/// A table of text: columns as wide as their widest cell, two spaces apart.
public struct TextTable: Sendable {
  /// How a cell is aligned in its column.
  public enum Alignment: Sendable {
    /// To the left, as for words.
    case left
    /// To the right, as for numbers.
    case right
  }

  private let alignments: [Alignment]
  private var rows: [[String]]

  /// Creates a table.
  ///
  /// - Parameters:
  ///   - titles: The first row, which sets the number of columns.
  ///   - alignments: The alignment of each column; columns without one are right-aligned.
  public init(titles: [String], alignments: [Alignment] = []) {
    self.alignments = alignments
    rows = [titles]
  }

  /// Adds a row; it may have fewer cells than the table has columns, but not more.
  public mutating func add(_ cells: [String]) {
    precondition(
      cells.count <= rows[0].count,
      "a row must have at most \(rows[0].count) cells, not \(cells.count)")
    rows.append(cells)
  }

  /// The lines of the table, without trailing spaces.
  public var text: String {
    let widths = rows[0].indices.map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    let lines = rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        let isLeft = column < alignments.count && alignments[column] == .left
        line += (column == 0 ? "" : "  ") + (isLeft ? cell + padding : padding + cell)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
    return lines.joined(separator: "\n")
  }
}
