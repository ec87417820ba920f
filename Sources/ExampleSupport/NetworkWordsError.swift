public import AllReduce

/// The error for a word of a network's description that cannot be understood.
public struct NetworkWordsError: ExitCoded, CustomStringConvertible, Sendable {
  /// The word that cannot be understood.
  public let word: String
  /// The word's position in the list, starting at 1.
  public let place: Int
  /// Why the word is refused, or what would be valid instead.
  public let reason: String

  /// The exit status, 64: wrong usage.
  public var exitCode: Int32 { 64 }

  /// A sentence that names the word and the reason.
  public var description: String {
    "Word \(place) of the layers, \"\(word)\", cannot be understood: \(reason)."
  }
}
