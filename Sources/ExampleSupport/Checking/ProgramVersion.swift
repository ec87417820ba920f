internal import AllReduce
internal import AllReduceNN

/// The versions of a program and of the libraries that it uses.
public enum ProgramVersion {
  /// The versions of the library, of MPI and of the BLAS, and the variant of the kernels that this processor runs, one
  /// per line.
  public static var text: String {
    lines.map { "\($0.name) \($0.version)" }.joined(separator: "\n")
  }

  /// The same versions as pairs of name and version.
  static var lines: [(name: String, version: String)] {
    [
      ("AllReduce", libraryVersion), ("MPI", MPI.libraryVersion), ("BLAS", BLAS.libraryVersion),
      ("processor variant", processorLevelName),
    ]
  }
}
