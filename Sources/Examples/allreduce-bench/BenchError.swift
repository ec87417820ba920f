import AllReduce
import ExampleSupport

/// The errors of a benchmark.
enum BenchError: ExitCoded, CustomStringConvertible {
  /// An all-reduce returned a wrong result.
  case wrongResult(WrongResult)
  /// The buffers of the ranks on a host do not fit into its memory.
  case tooLarge(needed: Int, available: Int, host: String)
  /// The file with the times of another system cannot be read.
  case peers(file: String, reason: String)
  /// Two hosts could not connect, or lost their connection.
  case wire(String)
  /// The chart or the file of measured choices cannot be written.
  case output(DataError)
  /// The measured choices cannot be added to what the file already contains.
  case tuning(file: String, reason: String)
  /// There is only one rank, so `--tune` has nothing to choose from.
  case tooFewRanks
  /// None of the algorithms that were asked for can run on these hosts.
  case nothingToMeasure

  var exitCode: Int32 {
    switch self {
    case .wrongResult: 1
    case .tooLarge, .nothingToMeasure, .tooFewRanks: 64
    case .peers: 65
    case .output, .wire, .tuning: 70
    }
  }

  var description: String {
    switch self {
    case .wrongResult(let wrong): wrong.description
    case .tooLarge(let needed, let available, let host):
      "The buffers of the ranks on \(host) would need \(gibibytes(needed)) GiB of its "
        + "\(gibibytes(available)) GiB of memory: end --bytes at a smaller size."
    case .peers(let file, let reason): "The times of a peer cannot be read from \(file): \(reason)."
    case .wire(let reason):
      "The hosts cannot be connected for tcp: \(reason). Leave tcp out of --algorithms."
    case .tooFewRanks: "--tune needs at least 2 ranks: start it with mpirun."
    case .nothingToMeasure: "None of --algorithms can run on these hosts."
    case .output(let error): error.description
    case .tuning(let file, let reason):
      "The measured choices cannot be kept in \(file): \(reason)."
    }
  }

  private func gibibytes(_ bytes: Int) -> String {
    (Double(bytes) / Double(1 << 30)).formatted(decimals: 1)
  }
}
