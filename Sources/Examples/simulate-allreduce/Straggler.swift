import ArgumentParser

/// A slow rank as a command line gives it, RANK:FACTOR: its processor is FACTOR times slower.
struct Straggler: ExpressibleByArgument {
  let rank: Int
  let factor: Double

  init?(argument: String) {
    let words = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard words.count == 2, let rank = Int(words[0]), rank >= 0, let factor = Double(words[1]),
      (1...1e6).contains(factor)
    else { return nil }
    (self.rank, self.factor) = (rank, factor)
  }
}
