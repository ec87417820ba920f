public import AllReduce
internal import ArgumentParser

/// Compressions of gradients as a command line names them: `none`, `bfloat16`, `float16`, `topK:0.01`,
/// `powerSGD:4`.
public enum CompressionWords {
  /// Returns the compression that `text` names.
  ///
  /// - Throws: An error whose text is a sentence, if no compression has this name or its argument is out of range.
  public static func compression(_ text: String) throws -> any GradientCompression {
    let whole = WireFormat.allCases.map { WholeGradient(as: $0) }
    if let found = whole.first(where: { $0.name == text }) { return found }
    let words = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let argument = words.count == 2 ? String(words[1]) : ""
    switch words[0] {
    case "topK":
      guard let fraction = Double(argument), TopK.fractions(fraction) else {
        throw ValidationError(
          "topK takes the fraction of the numbers that travels, above 0 and at most 1, such as "
            + "topK:0.01, not \(described(argument)).")
      }
      return .topK(fraction)
    case "powerSGD":
      guard let rank = Int(argument), PowerSGD.ranks.contains(rank) else {
        throw ValidationError(
          "powerSGD takes the rank of its matrices, \(PowerSGD.ranks.lowerBound) to "
            + "\(PowerSGD.ranks.upperBound), such as powerSGD:4, not \(described(argument)).")
      }
      return .powerSGD(rank)
    default:
      throw ValidationError(
        "a compression must be none, bfloat16, float16, topK:FRACTION or powerSGD:RANK, not \(text)."
      )
    }
  }

  private static func described(_ argument: String) -> String {
    argument.isEmpty ? "nothing" : argument
  }
}
