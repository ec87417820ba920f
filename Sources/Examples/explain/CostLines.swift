import AllReduce

/// The counts of steps and elements in a schedule, each with the formula that predicts it.
struct CostLines {
  /// One count: what is counted, the number found, and the formula.
  struct Line {
    let what: String
    let found: Int
    /// The formula, such as "= 2(p-1)", with "≤" before a bound, "≈" for unequal blocks; empty if there is none.
    let formula: String
  }

  let lines: [Line]
  /// What the letters in the formulas mean, such as "p = 4 (ranks)".
  let symbols: [String]

  init(_ story: ScheduleStory) {
    let cost = ScheduleCost(
      story.collective, by: story.algorithm.kind, size: story.ranks, segments: story.segments)
    let sent = story.measures.elementsSent
    let (least, most) = (sent.min() ?? 0, sent.max() ?? 0)
    func line(
      _ what: String, _ found: Int, _ formula: ScheduleCost.Formula?, times factor: Double = 1
    ) -> Line {
      guard let formula, story.count > 0, story.ranks > 1 else {
        return Line(what: what, found: found, formula: "")
      }
      let value = formula.value * factor
      let sign = abs(Double(found) - value) < 1e-9 ? "=" : formula.isBound ? "≤" : "≈"
      let isEven = sign != "≈"
      return Line(
        what: what, found: found,
        formula: "\(sign) \(formula)"
          + (isEven ? "" : " = \((value * 100).rounded() / 100), if blocks were equal"))
    }
    let vector = Double(story.count)
    lines = [
      line("steps", story.measures.steps, cost.steps),
      line(
        least == most ? "elements sent by each rank" : "elements sent by a rank, at most", most,
        cost.mostSent, times: vector),
      line("elements sent in all", sent.reduce(0, +), cost.totalSent, times: vector),
    ]
    let formulas = [cost.steps?.text ?? "", cost.mostSent.text, cost.totalSent.text].joined()
    symbols = CostLines.symbols(story, formulas)
  }

  private static func symbols(_ story: ScheduleStory, _ formulas: String) -> [String] {
    let ranks = ScheduleCost.Ranks(story.ranks)
    let all: [(String, Double, String)] = [
      ("p", ranks.p, "ranks"), ("N", Double(story.count), "elements"),
      ("k", Double(story.segments), "segments"),
      ("q", ranks.q, "the largest power of two up to p"), ("e", ranks.e, "p - q"),
      ("m", ranks.m, "ranks in the largest subtree below the root"),
      ("D", ranks.depths, "the ranks' depths in the tree, added up"),
    ]
    return all.filter { formulas.replacing("log", with: "").contains($0.0) }
      .map { "\($0.0) = \(Int($0.1)) (\($0.2))" }
  }
}
