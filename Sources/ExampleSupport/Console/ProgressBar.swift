/// A progress bar on the terminal that is redrawn while a run continues: the share that is done, the loss, the time
/// left.
///
/// Where standard error does not go to a terminal, there is no bar, and each line is printed below the last.
public struct ProgressBar {
  private let console: RankConsole
  private let terminal: Terminal

  /// Creates the bar of a console; nil where the console's output does not go to a terminal.
  public init?(on console: RankConsole) {
    guard console.isRoot, let terminal = Terminal.ofStandardError() else { return nil }
    (self.console, self.terminal) = (console, terminal)
  }

  /// Draws the bar over its previous version.
  ///
  /// - Parameters:
  ///   - text: The text after the bar, cut off at the terminal's width.
  ///   - share: The share of the work that is done, from 0 to 1.
  public func draw(_ text: String, share: Double) {
    console.noteInPlace(line(text, share: share))
  }

  private func line(_ text: String, share: Double) -> String {
    let width = min(24, max(8, terminal.columns / 5))
    let done = Int((min(max(share, 0), 1) * Double(width)).rounded(.down))
    let (full, empty) = (
      String(repeating: "━", count: done), String(repeating: "─", count: width - done)
    )
    let bar = terminal.hasColor ? "\u{1B}[32m\(full)\u{1B}[90m\(empty)\u{1B}[0m" : full + empty
    let percent = "\(Int(min(max(share, 0), 1) * 100))%"
    // A line that wraps could not be overwritten.
    let room = max(0, terminal.columns - width - percent.count - 3)
    return "\(bar) \(percent) \(text.prefix(room))"
  }
}
