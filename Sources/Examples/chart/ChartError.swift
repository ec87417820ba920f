import AllReduceMPI

/// Why a file cannot be drawn.
enum ChartError: Error, CustomStringConvertible, ExitCoded {
  /// The file, and what is wrong with it.
  case notWhatIsDrawn(String, String)

  /// The same code as for any file that is not what it should be.
  var exitCode: Int32 { 65 }

  var description: String {
    switch self {
    case .notWhatIsDrawn(let path, let found): "\(path) cannot be drawn: \(found)."
    }
  }
}
