import AllReduceMPI

/// The error for a file that cannot be drawn.
enum ChartError: Error, CustomStringConvertible, ExitCoded {
  /// The path of the file, and what is wrong with it.
  case notWhatIsDrawn(String, String)

  /// 65, the exit status for any file whose content is not what it should be.
  var exitCode: Int32 { 65 }

  var description: String {
    switch self {
    case .notWhatIsDrawn(let path, let found): "\(path) cannot be drawn: \(found)."
    }
  }
}
