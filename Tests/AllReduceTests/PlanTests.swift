import AllReduce
import XCTest

/// Plans: what each layer takes and gives, what stands between, how they are written, and what cannot be.
final class PlanTests: XCTestCase {
  /// A small convolution, and four dense layers.
  private func network() -> Sequential<Float> {
    Sequential(
      Conv2D(inputChannels: 1, outputChannels: 3, kernel: Size2D(3)), ReLU(), Flatten(),
      Dense(48, 12), ReLU(), Dense(12, 10), Tanh(), Dense(10, 8), Dense(8, 5))
  }

  /// The columns of a plan's table, without its last line.
  private func rows(
    _ plan: Plan, _ network: any Layer<Float>, input: Shape = [6, 6, 1], ranks: Int = 2
  ) throws -> [[String]] {
    try plan.table(for: network, input: input, ranks: ranks).split(separator: "\n").dropLast().map {
      $0.split(separator: " ", omittingEmptySubsequences: false).reduce(into: [""]) {
        if $1.isEmpty {
          if $0.last != "" { $0.append("") }
        } else {
          $0[$0.count - 1] += ($0[$0.count - 1].isEmpty ? "" : " ") + $1
        }
      }
    }
  }

  private func listed(_ placements: [Placement]) -> Plan {
    Plan(
      layers: Dictionary(uniqueKeysWithValues: zip(["0", "3", "5", "7", "8"], placements)),
      grid: GridShape(model: 2))
  }

  func testLayoutsAndConversionsOfANetwork() throws {
    let table = try listed([.data, .columns, .rows, .replicated, .data]).table(
      for: network(), input: [6, 6, 1], ranks: 2)
    XCTAssertEqual(
      table,
      """
      layer                 placement   takes           gives           and then
      0 Conv2D 1 -> 3, 3x3  data        batchSharded    batchSharded    all-gather
      3 Dense 48 -> 12      columns     replicated      featureSharded  -
      5 Dense 12 -> 10      rows        featureSharded  partial         all-reduce
      7 Dense 10 -> 8       replicated  replicated      replicated      take own examples
      8 Dense 8 -> 5        data        batchSharded    batchSharded    -
      grid 1 x 2 · wire full · replicas meet every step
      """)
  }

  func testEveryConversionOfTheTable() throws {
    let conversions: [(Placement, Placement, String)] = [
      (.data, .data, "-"), (.data, .replicated, "all-gather"), (.data, .columns, "all-gather"),
      (.data, .rows, "all-to-all"), (.replicated, .data, "take own examples"),
      (.replicated, .replicated, "-"), (.replicated, .columns, "-"),
      (.replicated, .rows, "take own features"), (.columns, .data, "all-to-all"),
      (.columns, .replicated, "all-gather by features"),
      (.columns, .columns, "all-gather by features"), (.columns, .rows, "-"),
      (.rows, .data, "reduce-scatter by examples"), (.rows, .replicated, "all-reduce"),
      (.rows, .columns, "all-reduce"), (.rows, .rows, "reduce-scatter by features"),
    ]
    for (first, second, name) in conversions {
      let plan = Plan(layers: ["0": first, "2": second], grid: GridShape(model: 2))
      // An activation between does not change what is exchanged.
      let rows = try rows(plan, Sequential(Dense(6, 6), ReLU(), Dense(6, 6)), input: [6])
      let line = try XCTUnwrap(rows.first { $0[0].hasPrefix("0 ") })
      XCTAssertEqual(line.last, name, "\(first), \(second)")
    }
  }

  func testPlansByName() throws {
    func placements(_ plan: Plan, _ root: any Layer<Float>, _ input: Shape) throws -> String {
      guard
        case .listed(let found) = try plan.resolved(for: root, input: input, ranks: 2).plan.layers
      else { return "" }
      return found.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        .joined(separator: ", ")
    }
    XCTAssertEqual(
      try placements(.dataParallel, network(), [6, 6, 1]),
      "0 data, 3 data, 5 data, 7 data, 8 data")
    XCTAssertEqual(
      try placements(.modelParallel, network(), [6, 6, 1]),
      "0 replicated, 3 columns, 5 rows, 7 columns, 8 rows")
    XCTAssertEqual(
      try placements(.hybrid(), network(), [6, 6, 1]),
      "0 data, 3 columns, 5 rows, 7 columns, 8 rows")
    let mixed = Sequential<Float>(
      Dense(6, 8), LayerNorm(8), Residual(Sequential(Dense(8, 4), ReLU(), Dense(4, 8))),
      Dense(8, 3))
    XCTAssertEqual(
      try placements(.modelParallel, mixed, [6]),
      "0 columns, 1 replicated, 2.body.0 columns, 2.body.2 rows, 3 columns")
    XCTAssertEqual(
      try Plan.hybrid().resolved(for: network(), input: [6, 6, 1], ranks: 2).plan.conversions,
      [ConversionRun(before: "3", order: .scatterInTurn)])
  }

  func testWhatIsWrittenIsRead() throws {
    var plan = listed([.data, .columns, .rows, .columns, .rows])
    plan.grid = GridShape(data: 2, model: 3)
    plan.conversions = [ConversionRun(before: "3", order: .broadcastInTurn, update: .turn)]
    plan.update = .sharded
    plan.overlap = false
    plan.bucketBytes = 4096
    plan.meeting.every = 8
    plan.meeting.replica = .host
    (plan.meeting.outerRule, plan.meeting.outerMomentum) = (.nesterov, 0.8)
    (plan.meeting.fragments, plan.meeting.overlapSteps) = (4, 2)
    (plan.meeting.mix, plan.meeting.warmUpSteps) = (0.5, 10)
    for compression: any GradientCompression in [.none, .topK(0.25), .powerSGD(4), .float16] {
      plan.compression = compression
      XCTAssertEqual(try Plan(json: plan.json, file: "x").json, plan.json)
    }
    XCTAssertTrue(
      plan.json.contains(#"{"before": "3", "run": "broadcastInTurn", "update": "turn"}"#))
    let named = try Plan.hybrid(.atOnce).resolved(for: network(), input: [6, 6, 1], ranks: 4).plan
    let read = try Plan(json: named.json, file: "x")
    XCTAssertEqual(
      try rows(read, network(), ranks: 4), try rows(.hybrid(.atOnce), network(), ranks: 4))
  }

  func testMistakesInAFileAreSaidWithTheirLine() throws {
    let good = listed([.data, .columns, .rows, .columns, .rows]).json
    for (old, new, parts) in [
      (good, "{", ["line 1"]),
      ("\"version\": 1", "\"version\": 2", ["plan.json", "line 2", "version 2, which must be 1"]),
      ("\"columns\"", "\"middle\"", ["line 4", "\"middle\"", "data, replicated, columns, rows"]),
      ("\"layer\": \"3\"", "\"layer\": \"0\"", ["layer 0 a second time"]),
      ("\"grid\"", "\"gird\"", ["\"gird\"", "grid"]),
      ("\"full\"", "\"half\"", ["half", "wire_format", "bfloat16"]),
      ("\"model\": 2", "\"model\": 0", ["0 for model"]),
    ] {
      let text = good.replacingFirst(old, with: new)
      XCTAssertNotEqual(text, good, old)
      XCTAssertThrowsError(try Plan(json: text, file: "plan.json")) { error in
        for part in parts { XCTAssertTrue("\(error)".contains(part), "\(error)") }
        XCTAssertEqual((error as? PlanError)?.exitCode, 65)
      }
    }
  }

  func testWhatCannotBeSaysLayerPlacementAndLayouts() throws {
    func assertRefused(
      _ plan: Plan, _ root: any Layer<Float>, _ input: Shape, ranks: Int = 2, _ parts: [String],
      line: UInt = #line
    ) {
      XCTAssertThrowsError(try plan.table(for: root, input: input, ranks: ranks), line: line) {
        for part in parts { XCTAssertTrue("\($0)".contains(part), "\($0)", line: line) }
        XCTAssertEqual(($0 as? PlanError)?.exitCode, 64, line: line)
      }
    }
    let image: Shape = [6, 6, 1]
    assertRefused(
      listed([.columns, .rows, .data, .data, .data]), network(), image,
      ["0 (Conv2D", "columns", "takes replicated", "given replicated", "[6, 6, 1]", "dense"])
    assertRefused(
      Plan(layers: ["0": .data, "1": .rows], grid: GridShape(model: 4)),
      Sequential(Dense(6, 3), Dense(3, 9)), [6], ranks: 4,
      [
        "1 (Dense 3 -> 9)", "rows", "takes featureSharded", "given batchSharded", "3 inputs",
        "4 ranks",
      ])
    assertRefused(
      Plan(layers: ["0": .data], grid: GridShape(model: 2)), network(), image,
      ["no placement", "3 (Dense 48 -> 12)", "batchSharded"])
    assertRefused(
      Plan(layers: ["0": .data, "9": .rows], grid: GridShape(model: 2)),
      Sequential(Dense(6, 3)), [6], ["layer 9", "rows", "no such layer"])
    assertRefused(
      .dataParallel.on(GridShape(data: 3)), Sequential(Dense(6, 3)), [6], ["3 x 1", "3 ranks", "2"])
    assertRefused(.hybrid(), Sequential(Tanh()), [6], ["1 layers", "dense"])
    assertRefused(
      .hybrid(), Sequential(Dense(6, 8), BatchNorm(8), Dense(8, 4)), [6],
      ["scatterInTurn", "0 (Dense 6 -> 8)", "BatchNorm", "atOnce"])
    assertRefused(
      .hybrid(.atOnce, update: .turn), network(), image, ["each turn", "scatterInTurn"])
    let sum = Sequential<Float>(Residual(Sequential(Dense(6, 6), Dense(6, 6))))
    assertRefused(
      Plan(layers: ["0": .data], grid: GridShape(model: 2)), sum, [6],
      ["0 (Residual", "one by one", "0.body"])
  }

  func testBranchesOfASumEndInOneLayout() throws {
    let sum = Sequential<Float>(
      Residual(Sequential(Dense(6, 8), ReLU(), Dense(8, 6)), shortcut: Dense(6, 6)), Dense(6, 4))
    let plan = Plan(
      layers: [
        "0.body.0": .columns, "0.body.2": .rows, "0.shortcut": .columns, "1": .data,
      ], grid: GridShape(model: 2))
    // The shortcut ends in featureSharded, so the body's sum is scattered by features.
    let rows = try rows(plan, sum, input: [6])
    XCTAssertEqual(rows.map(\.last), ["and then", "-", "-", "all-to-all", "-"])
  }

  func testTurns() {
    XCTAssertEqual(ConversionRun.Order.atOnce.largestTurn([3, 5, 4]), 12)
    XCTAssertEqual(ConversionRun.Order.broadcastInTurn.largestTurn([3, 5, 4]), 5)
    XCTAssertEqual(ConversionRun.Order.scatterInTurn.largestTurn([3, 5, 4]), 5)
  }
}

extension String {
  /// As `replacingOccurrences`, of the first one.
  fileprivate func replacingFirst(_ old: String, with new: String) -> String {
    guard let range = range(of: old) else { return self }
    return self[..<range.lowerBound] + new + self[range.upperBound...]
  }

  private func range(of text: String) -> Range<Index>? {
    indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
  }
}
