internal import AllReduceMPI

/// A profile of machines that cannot be used, or machines that cannot be planned for.
package struct ProfileError: ExitCoded, CustomStringConvertible, Equatable {
  /// A sentence that says what is wrong, with the figure.
  package let description: String
  /// 64, wrong usage; 65 where a file is wrong.
  package let exitCode: Int32

  package init(_ description: String, exitCode: Int32 = 65) {
    self.description = description
    self.exitCode = exitCode
  }
}
