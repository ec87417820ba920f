internal import AllReduceMPI

/// The error for a machine profile that cannot be used, or for machines that no plan can be found for.
package struct ProfileError: ExitCoded, CustomStringConvertible, Equatable {
  /// A sentence that says what is wrong, with the figure.
  package let description: String
  /// The exit code: 64 for wrong usage, 65 for a file that is wrong.
  package let exitCode: Int32

  package init(_ description: String, exitCode: Int32 = 65) {
    self.description = description
    self.exitCode = exitCode
  }
}
