/// The choices of `automatic` on ranks that are placed alike, as measured by `allreduce-bench --tune`.
///
/// `docs/schemas.md` describes the file that holds such tables.
package struct TuningTable: Equatable {
  /// How many ranks each host has.
  package let ranksPerHost: [Int]
  /// The machine that was measured, for people.
  package let machine: String
  /// When it was measured, for people: such as 2026-11-25.
  package let date: String
  /// The steps, in ascending order of sizes; the last one has no limit.
  package let steps: [AutomaticChoice.Path: [AutomaticChoice.Step]]

  package init(
    ranksPerHost: [Int], machine: String, date: String,
    steps: [AutomaticChoice.Path: [AutomaticChoice.Step]]
  ) {
    self.ranksPerHost = ranksPerHost
    self.machine = machine
    self.date = date
    self.steps = steps
  }

  /// Whether it is for such a placement, whichever host comes first.
  package func isFor(ranksPerHost other: [Int]) -> Bool { ranksPerHost.sorted() == other.sorted() }

  /// Whether a table for this many hosts may name the algorithm.
  package static func allows(
    _ algorithm: ReductionAlgorithm, over path: AutomaticChoice.Path, hosts: Int
  ) -> Bool {
    switch algorithm.kind {
    case .automatic, .native: false
    case .sharedMemory: path != .messages && hosts == 1
    case .hierarchical: path != .messages && hosts > 1
    default: true
    }
  }
}
