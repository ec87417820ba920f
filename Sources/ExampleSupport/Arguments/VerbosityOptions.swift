package import AllReduce
public import ArgumentParser

/// How much a program prints while it runs.
public struct VerbosityOptions: ParsableArguments {
  @Flag(help: "Prints no progress, only results, warnings and errors.")
  var quiet = false

  @Flag(help: "Prints a line for every step.")
  var verbose = false

  /// Creates the options, none of them set.
  public init() {}

  /// Checks that not both are given.
  public func validate() throws {
    if quiet && verbose {
      throw ValidationError("--quiet and --verbose exclude each other: leave one out.")
    }
  }

  /// Where the lines of a run go: a bar on a terminal, else a line every two seconds.
  package func writers(_ console: RankConsole) -> ProgressWriters {
    let bar = quiet || verbose ? nil : ProgressBar(on: console)
    var writers = ProgressWriters { console.note($0) }
    if let bar { writers.live = { bar.draw($0, share: $1) } }
    if verbose { writers.interval = .zero }
    writers.tellsOfSteps = !quiet
    return writers
  }
}
