import CBLAS

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Settings of the BLAS library that this process uses.
package enum BLAS {
  /// The number of threads that a matrix product uses.
  ///
  /// The default is 1, unless the environment variable `OPENBLAS_NUM_THREADS` is set: a training job runs one process
  /// per core, and more threads would compete for the cores.
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

  /// The name and version of the BLAS library and the processor for which it computes, such as "OpenBLAS 0.3.21 for
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
