import AllReduce
import ExampleSupport

/// Provides the ranks with their examples: generated, read by the root and scattered, or read by each rank.
struct ProblemSource {
  /// The facts that all ranks know, this rank's examples and, on the root if it checks the result, all examples.
  typealias Loaded = (problem: Problem, own: Examples, all: Examples?)

  private let options: LinregOptions
  private let world: Communicator

  private let console: RankConsole

  init(_ options: LinregOptions, _ world: Communicator, _ console: RankConsole) {
    self.options = options
    self.world = world
    self.console = console
  }

  /// Loads the examples in the way that the options ask for. Collective.
  func load() throws -> Loaded {
    guard let path = options.data, let target = options.target else { return try makeUp() }
    return options.partitioned ? try readParts(path, target) : try dealOut(path, target)
  }

  private func makeUp() throws -> Loaded {
    let count = options.examples ?? 400
    let blocks = BlockPartition(count: count, parts: world.size)
    let features = options.features ?? 3
    // A rank's rows are generated and then split into features and target; rank 0 also has all rows, for the check.
    let rows = blocks[world.rank].count + (options.verify && world.isRoot ? count : 0)
    try world.requireMemory(16 * rows * (features + 2), for: "made-up examples")
    let source = SyntheticData(features: features, seed: options.seed)
    let problem = Problem(
      source: "made up from seed \(options.seed)", names: source.names, target: "y",
      rowsPerRank: blocks.map(\.count), trueTheta: source.theta, isChecked: options.verify)
    return (
      problem, source.examples(blocks[world.rank]),
      options.verify && world.isRoot ? source.examples(0..<count) : nil
    )
  }

  /// Reads the file on the root and scatters its rows over the ranks. Collective.
  private func dealOut(_ path: String, _ target: String) throws -> Loaded {
    let read = try world.agreeing { () throws -> (table: NumericTable, target: Int)? in
      guard world.isRoot else { return nil }
      let table =
        try isNPY(path) ? NumericTable(npy: path, targets: target) : NumericTable(csv: path)
      let column = try targetColumn(target, of: table)
      noteHeader(of: table)
      guard table.values.elements.count <= Int32.max else {
        throw DataError(
          file: path, expected: "at most \(Int32.max) numbers that one rank can deal out",
          found: "\(table.values.elements.count)",
          advice: "let each rank read its own rows with --partitioned")
      }
      return (table, column)
    }
    let names = try world.broadcast(
      read?.table.columnNames.joined(separator: "\n") ?? "", from: 0
    ).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var shape = [Int64(read?.table.values.rows ?? 0), Int64(read?.target ?? 0)]
    try world.broadcast(&shape, from: 0)

    let blocks = BlockPartition(count: Int(shape[0]), parts: world.size)
    let own = try world.scatter(
      read?.table.values.elements ?? [], counts: blocks.map { $0.count * names.count }, from: 0)
    let column = Int(shape[1])
    let all = read.flatMap { read in
      options.verify
        ? Examples(
          values: read.table.values.elements, columns: names.count, target: column, first: 0)
        : nil
    }
    return (
      problem(path, names, column, rowsPerRank: blocks.map(\.count), isChecked: options.verify),
      Examples(
        values: own, columns: names.count, target: column, first: blocks[world.rank].lowerBound),
      all
    )
  }

  private func isNPY(_ path: String) -> Bool { OwnData.kind(of: path) == .npy }

  /// Reads on every rank its part of the file: of a CSV file the lines that begin in its part of the bytes, of NPY
  /// files its part of the rows. Collective.
  private func readParts(_ path: String, _ target: String) throws -> Loaded {
    let part = Result {
      try isNPY(path)
        ? NumericTable(npy: path, targets: target, part: world.rank, of: world.size)
        : NumericTable(csv: path, part: world.rank, of: world.size)
    }
    // To know the line numbers of its part, a rank needs the numbers of lines that lower ranks have read.
    let lines = try world.allGather([Int64((try? part.get())?.lineCount ?? 0)])
    let linesBefore = Int(lines[..<world.rank].reduce(0, +))
    let (table, column) = try world.agreeing { () throws -> (NumericTable, Int) in
      do {
        let table = try part.get()
        return (table, try targetColumn(target, of: table))
      } catch let error as DataError {
        // All ranks read the first line; if it is wrong, the error is rank 0's.
        throw error.shifted(byLines: linesBefore)
      }
    }
    let rows = try world.allGather([Int64(table.values.rows)]).map { Int($0) }
    try world.agreeing { if rows.allSatisfy({ $0 == 0 }) { throw table.withoutRows() } }
    noteHeader(of: table)
    return (
      problem(path, table.columnNames, column, rowsPerRank: rows, isChecked: false),
      Examples(
        values: table.values.elements, columns: table.columnNames.count, target: column,
        first: rows[..<world.rank].reduce(0, +)),
      nil
    )
  }

  private func noteHeader(of table: NumericTable) {
    if table.hasHeader { return }
    console.note("\(table.file) has no header: its first line, of numbers alone, counts as a row.")
  }

  private func targetColumn(_ target: String, of table: NumericTable) throws -> Int {
    if isNPY(table.file) { return table.columnNames.count - 1 }
    let column = try table.columnIndex(target)
    guard table.columnNames.count > 1 else {
      throw DataError(
        file: table.file, expected: "the target and one feature or more",
        found: "only 1 column", advice: "add a column of what the target depends on")
    }
    return column
  }

  private func problem(
    _ path: String, _ names: [String], _ target: Int, rowsPerRank: [Int], isChecked: Bool
  ) -> Problem {
    var features = names
    let name = features.remove(at: target)
    return Problem(
      source: path, names: features, target: name, rowsPerRank: rowsPerRank, trueTheta: nil,
      isChecked: isChecked)
  }
}
