public import AllReduceMPI

/// An error for a plan that cannot be carried out, or cannot be read.
public struct PlanError: ExitCoded, CustomStringConvertible, Equatable {
  /// What is wrong: the layer and its placement, or the file and the line.
  public let description: String
  /// The exit code: 64 for wrong usage, 65 for a file that is not a valid plan.
  public let exitCode: Int32

  init(_ description: String, exitCode: Int32 = 64) {
    self.description = description
    self.exitCode = exitCode
  }
}
