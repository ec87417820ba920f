import ArgumentParser
import ExampleSupport

/// The sizes that a benchmark measures.
enum ByteSizes {
  /// Sizes from `first` up to `last`, each a factor times the previous one.
  case range(first: Int, last: Int)
  /// Exactly these sizes, in bytes.
  case list([Int])

  /// Parses `4...256Mi` or `64,1Ki,16Mi`.
  init(argument: String) throws {
    if argument.contains("...") {
      let dots = argument.split(separator: "...", omittingEmptySubsequences: false)
      guard dots.count == 2 else { throw ValidationError("a range has two ends: 4...256Mi") }
      let (first, last) = try (ByteSizes.size(dots[0]), ByteSizes.size(dots[1]))
      guard first > 0, first <= last else {
        throw ValidationError("a range begins above 0 and not after its end: 4...256Mi")
      }
      self = .range(first: first, last: last)
    } else {
      self = .list(
        try argument.split(separator: ",", omittingEmptySubsequences: false).map(ByteSizes.size))
    }
  }

  /// Returns the sizes in bytes; `factor` is the ratio between successive sizes of a range.
  func list(factor: Int) -> [Int] {
    switch self {
    case .list(let sizes): return sizes
    case .range(let first, let last):
      var sizes: [Int] = []
      var size = first
      while size <= last {
        sizes.append(size)
        let (next, overflow) = size.multipliedReportingOverflow(by: factor)
        // A factor that does not increase the size is reported elsewhere; here it must not loop endlessly.
        if overflow || next <= size { break }
        size = next
      }
      return sizes
    }
  }

  private static func size(_ text: some StringProtocol) throws -> Int {
    guard let count = ByteCount(argument: String(text)) else {
      throw ValidationError("'\(text)' is not a number of bytes such as 4, 64Ki, 16Mi or 1Gi")
    }
    guard count.bytes <= 1 << 40 else {
      throw ValidationError("\(text) bytes are more than can be measured, 1024Gi")
    }
    return count.bytes
  }
}
