/// Reports the progress of long work on standard error, every few seconds.
///
/// Work that ends before the first interval prints nothing. Under mpirun, standard error of a rank is never a terminal,
/// so each note is a line of its own.
public struct ProgressNotes {
  private let console: RankConsole
  private let interval: Duration
  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant

  /// Creates notes whose first interval starts now.
  ///
  /// - Parameters:
  ///   - console: Where to write.
  ///   - interval: The shortest time between two notes.
  public init(on console: RankConsole, every interval: Duration = .seconds(2)) {
    self.console = console
    self.interval = interval
    last = clock.now
  }

  /// Prints a note if the interval has passed; otherwise costs only a look at the clock, and that only on the root.
  public mutating func update(_ text: @autoclosure () -> String) {
    guard console.isRoot else { return }
    let now = clock.now
    guard now - last >= interval else { return }
    last = now
    console.note(text())
  }
}
