/// The choices of `automatic` for one placement of ranks on hosts, as measured by `allreduce-bench --tune`.
///
/// `docs/schemas.md` describes the file that has such tables.
package struct TuningTable: Equatable {
  /// The number of ranks on each host.
  package let ranksPerHost: [Int]
  /// The name of the machine that was measured, for readers of the file.
  package let machine: String
  /// The date of the measurement, for readers of the file: such as 2026-11-25.
  package let date: String
  /// The steps for each path, in ascending order of vector size; the last one has no limit.
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

  /// Whether the table is for a placement with these numbers of ranks per host, in any order of the hosts.
  package func isFor(ranksPerHost other: [Int]) -> Bool { ranksPerHost.sorted() == other.sorted() }

  /// Whether a table for this number of hosts may name the algorithm.
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
