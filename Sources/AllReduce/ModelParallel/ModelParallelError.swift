internal import AllReduceMPI

/// Ranks and layers that do not fit each other.
struct ModelParallelError: ExitCoded, CustomStringConvertible {
  /// A sentence that names both numbers.
  let description: String

  /// 64: wrong usage.
  var exitCode: Int32 { 64 }
}
