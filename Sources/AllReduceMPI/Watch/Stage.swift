/// How far a rank has come in the job.
enum Stage: UInt64, Comparable, Sendable {
  /// The rank is before or in `MPI_Init_thread`.
  case starting = 1
  /// MPI is initialised, and the library sets itself up.
  case settingUp
  /// The program runs.
  case running
  /// The rank is in `MPI_Finalize`.
  case finishing
  /// `MPI_Finalize` has returned.
  case done
  /// The rank has found a reason to end the job.
  case ending

  static func < (a: Stage, b: Stage) -> Bool { a.rawValue < b.rawValue }
}
