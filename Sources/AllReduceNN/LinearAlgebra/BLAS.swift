import CBLAS

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Settings of the linear algebra library of this process.
package enum BLAS {
  /// How many threads a matrix product uses.
  ///
  /// One unless it is set here or in the environment by `OPENBLAS_NUM_THREADS`: a training job has
  /// a process a core, and their threads would fight for the cores.
  ///
  /// `openblas_set_num_threads`, `openblas_get_num_threads`
  package static var threadCount: Int {
    get {
      prepare()
      return Int(openblas_get_num_threads())
    }
    set {
      precondition(newValue >= 1, "BLAS needs 1 thread or more, not \(newValue)")
      prepare()
      openblas_set_num_threads(Int32(clamping: newValue))
    }
  }

  /// The library's name and version and the processor that it computes for, such as "OpenBLAS 0.3.21 for
  /// Haswell".
  ///
  /// `openblas_get_config`, `openblas_get_corename`
  public static var libraryVersion: String {
    let words = String(cString: openblas_get_config()).split(separator: " ").prefix(2)
    return words.joined(separator: " ") + " for " + String(cString: openblas_get_corename())
  }

  /// Sets the default number of threads, once; called before every product.
  static func prepare() {
    _ = defaultIsSet
  }

  private static let defaultIsSet: Bool = {
    if getenv("OPENBLAS_NUM_THREADS") == nil { openblas_set_num_threads(1) }
    return true
  }()
}
