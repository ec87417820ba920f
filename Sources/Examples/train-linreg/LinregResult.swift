import AllReduce
import ExampleSupport

/// The result of a run, for people and for programs.
struct LinregResult {
  let problem: Problem
  let options: LinregOptions
  let settings: DescentSettings
  let algorithm: ReductionAlgorithm
  let epochs: Int
  let ending: GradientDescent.Ending
  let lastChange: Double
  let seconds: Double
  /// The coefficients in the data's own units, intercept first.
  let theta: [Double]
  /// The mean squared error over all examples.
  let loss: Double
  let r2: Double
  var check: Verification?

  /// The result as a JSON object with the keys of docs/schemas.md.
  var json: JSONValue {
    .object([
      ("ranks", .integer(problem.rowsPerRank.count)),
      ("examples", .integer(problem.examples)),
      ("features", .integer(problem.features)),
      ("algorithm", .text(algorithm.name)),
      ("algorithm_requested", .text(options.algorithm.name)),
      ("combine", .text(options.combine.rawValue)),
      ("strategy", .text(options.strategy.rawValue)),
      ("epochs", .integer(epochs)),
      ("seconds", .number(seconds)),
      ("theta", .numbers(theta)),
      ("loss", .number(loss)),
      ("r2", .number(r2)),
      ("serial_difference", .number(orNull: check?.serialDifference)),
      ("exact_difference", .number(orNull: check?.exactDifference)),
      ("rows_per_rank", .integers(problem.rowsPerRank)),
    ])
  }

  /// A warning if theta should have converged and has not; nil otherwise.
  ///
  /// There is none with mini-batches, which keep theta changing, or with --epochs, which ends the descent on purpose.
  var warning: String? {
    guard ending == .outOfEpochs, options.epochs == nil, settings.batchSize == nil else {
      return nil
    }
    return "warning: after \(epochs.grouped) epochs theta still changes by "
      + "\(lastChange.formatted(digits: 2)) an epoch, as it does where features are nearly "
      + "linearly dependent; raise --epochs."
  }

  /// The result as text: facts, theta and checks.
  var text: String {
    var facts = TextTable(titles: ["train-linreg", ""], alignments: [.left, .left])
    facts.add(["  ranks", "\(problem.rowsPerRank.count)"])
    facts.add([
      "  data",
      "\(problem.examples.grouped) examples, \(problem.features.grouped) "
        + "\(problem.features == 1 ? "feature" : "features"), \(problem.source)",
    ])
    facts.add(["  target", problem.target])
    facts.add(["  examples a rank", rowsText])
    facts.add(["  combine", combineText])
    if options.strategy == .descent {
      facts.add([
        "  learning rate",
        "\(settings.rate)" + (settings.isRateChosen ? " (chosen from the data)" : ""),
      ])
    }
    if let batchSize = settings.batchSize {
      facts.add(["  batch", "\(batchSize.grouped) examples of all ranks a step"])
    }
    facts.add(["  epochs", "\(epochs.grouped) (\(endingText))"])
    facts.add([
      "  training",
      "\(seconds.formatted(decimals: 3)) s, "
        + "\((seconds / Double(epochs) * 1e6).formatted(decimals: 1)) us an epoch",
    ])
    facts.add(["  loss", "\(loss.formatted(digits: 10)) (mean squared error)"])
    facts.add(["  r2", r2.formatted(digits: 8)])
    return "\(facts.text)\n\n\(thetaTable.text)\n\n\(checkText)"
  }

  private var rowsText: String {
    let shown = problem.rowsPerRank.prefix(16).map(\.grouped).joined(separator: ", ")
    return problem.rowsPerRank.count > 16 ? shown + ", ..." : shown
  }

  private var combineText: String {
    if options.strategy == .lbfgs {
      let servers = options.servers ?? 1
      return "portions on demand; theta on \(servers) \(servers == 1 ? "server" : "servers")"
    }
    let numbers = problem.features + 2
    return switch options.combine {
    case .allReduce: "all-reduce of \(numbers.grouped) sums by \(algorithm)"
    case .central: "\(numbers.grouped) sums to rank 0 and theta back by \(algorithm)"
    }
  }

  private var endingText: String {
    switch ending {
    case .settled where options.strategy == .lbfgs: "sums over all examples"
    case .settled: "theta changes by less than \(options.tolerance) an epoch"
    case .outOfEpochs, .diverged:
      "theta still changes by \(lastChange.formatted(digits: 2)) an epoch"
    }
  }

  private var thetaTable: TextTable {
    let exact = check?.exactTheta
    var titles = ["theta", "learned"]
    if exact != nil { titles.append("exact") }
    if problem.trueTheta != nil { titles.append("true") }
    var table = TextTable(titles: titles, alignments: [.left])
    for (index, name) in problem.thetaNames.enumerated() {
      var cells = [name, theta[index].formatted(digits: 9)]
      if let exact { cells.append(exact[index].formatted(digits: 9)) }
      if let truth = problem.trueTheta { cells.append(truth[index].formatted(digits: 9)) }
      table.add(cells)
    }
    return table
  }

  private var checkText: String {
    guard let check else { return "Not checked against one process." }
    var lines = TextTable(titles: ["check", "difference"], alignments: [.left, .left])
    if let difference = check.serialDifference {
      lines.add([
        "same descent in one process",
        "\(difference.formatted(digits: 2)) "
          + (check.failure == nil ? "(ok)" : "(FAILED: more than \(Verification.limit))"),
      ])
    }
    lines.add([
      "exact least squares",
      check.exactDifference.map { $0.formatted(digits: 2) }
        ?? "none: the features are linearly dependent, so the best theta is not unique",
    ])
    return lines.text
  }
}
