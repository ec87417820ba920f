package import AllReduce
public import ArgumentParser

/// The options for how much a program prints while it runs.
public struct VerbosityOptions: ParsableArguments {
  @Flag(help: "Prints no progress, only results, warnings and errors.")
  var quiet = false

  @Flag(help: "Prints a line for every step.")
  var verbose = false

  /// Creates the options, none of them set.
  public init() {}

  /// Checks that `quiet` and `verbose` are not both set.
  public func validate() throws {
    if quiet && verbose {
      throw ValidationError("--quiet and --verbose exclude each other: leave one out.")
    }
  }

  /// Returns what writes the lines of a run: a progress bar on a terminal, otherwise a line every two seconds; with
  /// `verbose` a line per step, with `quiet` no progress.
  package func writers(_ console: RankConsole) -> ProgressWriters {
    let bar = quiet || verbose ? nil : ProgressBar(on: console)
    var writers = ProgressWriters { console.note($0) }
    if let bar { writers.live = { bar.draw($0, share: $1) } }
    if verbose { writers.interval = .zero }
    writers.tellsOfSteps = !quiet
    return writers
  }
}
