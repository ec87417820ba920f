import AllReduce
import ExampleSupport

/// The report on the first step: each rank's sums, and the result of their reduction.
struct RanksReport {
  /// The report's text on the root; empty on other ranks.
  let text: String

  /// The largest number of theta's elements for which columns are shown.
  private static let mostColumns = 7

  /// Computes the sums of the first step, and gathers and reduces them. Collective.
  init(
    of examples: Examples, in problem: Problem, _ settings: DescentSettings, _ exchange: Exchange,
    _ world: Communicator
  ) throws {
    var descent = GradientDescent(on: examples, in: problem, settings, exchange)
    let own = descent.firstSums()
    var total = own
    try exchange.combine(&total)
    guard let all = try world.gather(own, to: 0) else {
      text = ""
      return
    }

    let shown = min(own.count - 1, RanksReport.mostColumns)
    let names = problem.thetaNames.prefix(shown).map { "(h-y) x \($0)" }
    var table = TextTable(titles: ["rank", "examples", "(h-y)^2"] + ["(h-y)"] + names.dropFirst())
    func add(_ title: String, _ rows: Int, _ sums: ArraySlice<Double>) {
      table.add(
        [title, rows.grouped, (sums.last ?? 0).formatted(digits: 8)]
          + sums.prefix(shown).map { $0.formatted(digits: 8) })
    }
    for (rank, rows) in problem.rowsPerRank.enumerated() {
      add("\(rank)", rows, all[rank * own.count..<(rank + 1) * own.count])
    }
    add("all", problem.examples, total[...])
    let batch = settings.batchSize.map { ", \($0.grouped) examples of all ranks" } ?? ""
    let omitted =
      own.count - 1 > shown ? "\n(\(own.count - 1 - shown) more features are not shown)" : ""
    text = """
      The first step\(batch): what each rank adds up over its examples (map), and the sum of all \
      (reduce by \(exchange.algorithm)). Features are in standard units.

      \(table.text)\(omitted)

      """
  }
}
