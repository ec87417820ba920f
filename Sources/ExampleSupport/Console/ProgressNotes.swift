/// Tells on standard error, every few seconds, how far long work has come.
///
/// Work that ends sooner says nothing. Standard error of a rank is never a terminal under mpirun, so
/// each note is a line of its own.
public struct ProgressNotes {
  private let console: RankConsole
  private let interval: Duration
  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant

  /// Starts the clock.
  ///
  /// - Parameters:
  ///   - console: Where to write.
  ///   - interval: The least time between two notes.
  public init(on console: RankConsole, every interval: Duration = .seconds(2)) {
    self.console = console
    self.interval = interval
    last = clock.now
  }

  /// Writes a note if it is time for one; otherwise costs a look at the clock on the root.
  public mutating func update(_ text: @autoclosure () -> String) {
    guard console.isRoot else { return }
    let now = clock.now
    guard now - last >= interval else { return }
    last = now
    console.note(text())
  }
}
