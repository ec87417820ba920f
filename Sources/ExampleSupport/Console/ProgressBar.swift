/// A line on the terminal that is written over as a run goes on: how much is done, the loss, the time left.
///
/// Where standard error is no terminal it does nothing, and lines follow each other as ever.
public struct ProgressBar {
  private let console: RankConsole
  private let terminal: Terminal

  /// The bar of a console; nil where its output does not go to a terminal.
  public init?(on console: RankConsole) {
    guard console.isRoot, let terminal = Terminal.ofStandardError() else { return nil }
    (self.console, self.terminal) = (console, terminal)
  }

  /// Draws the bar.
  ///
  /// - Parameters:
  ///   - text: The text after the bar; cut where the line ends.
  ///   - share: How much is done, from 0 to 1.
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
    // A line that wraps could not be written over.
    let room = max(0, terminal.columns - width - percent.count - 3)
    return "\(bar) \(percent) \(text.prefix(room))"
  }
}
