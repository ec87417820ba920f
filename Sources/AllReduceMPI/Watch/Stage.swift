/// How far a rank has come.
enum Stage: UInt64, Comparable, Sendable {
  /// Before or in `MPI_Init_thread`.
  case starting = 1
  /// MPI is there; the library makes what it needs.
  case settingUp
  /// The program runs.
  case running
  /// In `MPI_Finalize`.
  case finishing
  /// After `MPI_Finalize`.
  case done
  /// The rank has found a reason to end the job.
  case ending

  static func < (a: Stage, b: Stage) -> Bool { a.rawValue < b.rawValue }
}
