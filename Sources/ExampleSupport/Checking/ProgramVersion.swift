internal import AllReduce
internal import AllReduceNN

/// The versions of a program and of the libraries that it uses.
public enum ProgramVersion {
  /// The versions of the library, of MPI and of the BLAS, and for which processor its loops run, a line each.
  public static var text: String {
    lines.map { "\($0.name) \($0.version)" }.joined(separator: "\n")
  }

  /// The same by name.
  static var lines: [(name: String, version: String)] {
    [
      ("AllReduce", libraryVersion), ("MPI", MPI.libraryVersion), ("BLAS", BLAS.libraryVersion),
      ("processor variant", processorLevelName),
    ]
  }
}
